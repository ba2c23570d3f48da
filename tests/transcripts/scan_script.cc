// The scripts of scans:
//
//   ring …                                                     (ring_script.h has the rest)
//   scan [from=A] [to=B] [records=N] [reverse] [keys] [r=N] [left=MS]
//   page M [KEY=VALUE]… [more] [refilling=P,…] [kind=lww] [refused ANSWER [epoch=E]]
//   unsent M
//
// M is the member; `more` says that its page is not its last. VALUE `-` is a tombstone.
#include <utility>

#include "libkv/protocol/scan_machine.h"
#include "tests/transcripts/ring_script.h"

namespace kv::transcript {
namespace {

// Values in the order of the alphabet: a later one covers the earlier ones.
Record record_of(const std::string& value) {
  Record record;
  Sibling sibling;
  const char last = value == "-" ? 'z' : value[0];
  sibling.dot = {Actor(1, 7), static_cast<uint64_t>(last - 'a' + 1)};
  sibling.put = {2, sibling.dot.counter};
  sibling.tombstone = value == "-";
  if (!sibling.tombstone) sibling.value = SharedBytes(value);
  record.context.see(sibling.dot);
  record.siblings.push_back(sibling);
  return record;
}

class ScanScript final : public RingScript {
  void end() override { scan_.reset(); }

  ScanPlan scan_plan() const {
    const MapPointer& map = ring_->view.map;
    return scan_plan_for(map, map->keyspaces[0], routing_, at_.now);
  }

  void obey(const Words& words, CoordinatorActions* actions) override {
    if (words[0] == "scan") return start(words, actions);
    if (!scan_) {
      ADD_FAILURE() << "the scan is over: " << words[0];
      return;
    }
    if (words[0] == "tick") return scan_->on_tick(at_, actions);
    if (words[0] == "replan") return scan_->replan(scan_plan(), at_, actions);
    if (words[0] == "unsent") return scan_->on_not_sent(take("page", words[1]), at_, actions);
    if (words[0] == "page") return give_page(words, actions);
    ADD_FAILURE() << "no such command: " << words[0];
  }

  void start(const Words& words, CoordinatorActions* actions) {
    msg::ClientScan scan;
    scan.from = words.value("from");
    scan.to = words.value("to");
    scan.reverse = words.has("reverse");
    scan.keys_only = words.has("keys");
    scan.records_max = static_cast<uint32_t>(words.number("records", 0));
    scan.r = static_cast<uint8_t>(words.number("r", 0));
    scan.time_left = std::chrono::milliseconds(words.number("left", 1600));
    scan_ = std::make_unique<ScanMachine>(ScanSettings(), scan, scan_plan(), 0);
    scan_->start(at_, actions);
  }

  void give_page(const Words& words, CoordinatorActions* actions) {
    msg::ScanPageDone done;
    done.id = take("page", words[1]);
    done.epoch = static_cast<Epoch>(words.number("epoch", 41));
    const std::string refused = words.after("refused");
    if (!refused.empty()) done.answer = answer_of(refused);
    done.exhausted = !words.has("more");
    for (const std::string& p : split(words.value("refilling"), ',')) {
      done.refilling.push_back(static_cast<PartitionId>(std::stoi(p)));
    }
    for (size_t i = 2; i < words.words.size(); ++i) {
      const std::string& word = words[i];
      if (word.size() < 3 || word[1] != '=') continue;
      msg::KeyRecord record;
      record.key = SharedBytes(word.substr(0, 1));
      record.record = record_of(word.substr(2));
      if (words.value("kind") == "lww") record.record.kind = RecordKind::last_write_wins;
      done.records.push_back(std::move(record));
    }
    scan_->on_answer(done, at_, actions);
  }

  void tell_sent(const ToNode& to) override {
    const auto& page = std::get<msg::ScanPage>(to.message);
    remember("page", to.to, page.id);
    std::string from = page.from;
    if (!from.empty() && from.back() == '\0') from.replace(from.size() - 1, 1, "\\0");
    out_ << "page at " << to.to << " [" << from << ", " << page.to << ")"
         << (page.reverse ? " reverse" : "");
    if (page.records_max < ScanSettings().records_max) out_ << " records=" << page.records_max;
    if (page.epoch != 41) out_ << " epoch=" << page.epoch;
    out_ << "\n";
  }

  void tell_reply(const msg::ScanDone& done) override {
    out_ << "reply " << to_string(done.answer);
    for (const msg::KeyRecord& record : done.records) {
      out_ << " " << record.key.view();
      for (const Sibling& sibling : record.record.siblings) out_ << "=" << sibling.value.view();
    }
    if (done.more) {
      std::string next = done.next;
      if (!next.empty() && next.back() == '\0') next.replace(next.size() - 1, 1, "\\0");
      out_ << " next=" << next;
    }
    if (!done.detail.empty()) out_ << " \"" << done.detail << "\"";
    out_ << "\n";
  }

  std::unique_ptr<ScanMachine> scan_;
};

}  // namespace

std::unique_ptr<Script> make_scan_script() {
  return std::make_unique<ScanScript>();
}

}  // namespace kv::transcript
