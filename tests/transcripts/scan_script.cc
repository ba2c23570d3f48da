// The scripts of scans:
//
//   ring members=4 n=3 r=2 [strict] [down=3,4]
//   scan [from=A] [to=B] [records=N] [reverse] [keys] [r=N] [left=MS]
//   page M [KEY=VALUE]… [more] [refilling=P,…] [kind=lww] [refused ANSWER [epoch=E]]
//   unsent M          tick +MS          replan [down=…]
//
// M is the member; `more` says that its page is not its last. VALUE `-` is a tombstone.
#include <map>
#include <sstream>
#include <utility>

#include "libkv/protocol/scan_machine.h"
#include "tests/kit/small_ring.h"
#include "tests/transcripts/script.h"
#include "tests/transcripts/words.h"

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

class ScanScript final : public Script {
 public:
  std::string run(const std::string& line) override {
    const Words words(line);
    out_.str("");
    if (words[0] == "ring") return make_ring(words), "";
    CoordinatorActions actions;
    obey(words, &actions);
    tell(actions);
    return out_.str();
  }

 private:
  void make_ring(const Words& words) {
    scan_.reset();
    waiting_.clear();
    at_ = Moment();
    ring_ = std::make_unique<testing::SmallRing>(
        static_cast<MemberNumber>(words.number("members", 3)),
        static_cast<uint8_t>(words.number("n", 3)), static_cast<uint8_t>(words.number("r", 2)),
        static_cast<uint8_t>(words.number("w", 2)), words.has("strict"));
    set_down(words);
  }

  void set_down(const Words& words) {
    for (MemberNumber m = 1; m <= ring_->map.members.size(); ++m) ring_->set_up(m, true);
    for (const std::string& m : split(words.value("down"), ',')) ring_->set_up(member_of(m), false);
    routing_.on_view(ring_->publish());
  }

  ScanPlan plan() {
    const MapPointer& map = ring_->view.map;
    return scan_plan_for(map, map->keyspaces[0], routing_, at_.now);
  }

  void obey(const Words& words, CoordinatorActions* actions) {
    if (words[0] == "scan") return start(words, actions);
    if (!scan_) {
      ADD_FAILURE() << "the scan is over: " << words[0];
      return;
    }
    if (words[0] == "tick") {
      at_.now += std::chrono::milliseconds(std::stoi(words[1].substr(1)));
      return scan_->on_tick(at_, actions);
    }
    if (words[0] == "replan") {
      ++ring_->map.epoch;
      set_down(words);
      return scan_->replan(plan(), at_, actions);
    }
    if (words[0] == "unsent") return scan_->on_not_sent(take(words[1]), at_, actions);
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
    scan_ = std::make_unique<ScanMachine>(ScanSettings(), scan, plan(), 0);
    scan_->start(at_, actions);
  }

  msg::RequestId take(const std::string& member) {
    auto& ids = waiting_[member];
    if (ids.empty()) {
      ADD_FAILURE() << "member " << member << " was sent no page";
      return 0;
    }
    const msg::RequestId id = ids.front();
    ids.erase(ids.begin());
    return id;
  }

  void give_page(const Words& words, CoordinatorActions* actions) {
    msg::ScanPageDone done;
    done.id = take(words[1]);
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

  void tell(const CoordinatorActions& actions) {
    for (const ToNode& to : actions.to_nodes) {
      const auto& page = std::get<msg::ScanPage>(to.message);
      waiting_[std::to_string(to.to)].push_back(page.id);
      std::string from = page.from;
      if (!from.empty() && from.back() == '\0') from.replace(from.size() - 1, 1, "\\0");
      out_ << "page at " << to.to << " [" << from << ", " << page.to << ")"
           << (page.reverse ? " reverse" : "");
      if (page.epoch != 41) out_ << " epoch=" << page.epoch;
      out_ << "\n";
    }
    if (actions.reply) tell_reply(std::get<msg::ScanDone>(*actions.reply));
    if (actions.replan) out_ << "replan for epoch " << *actions.replan << "\n";
    for (const MemberNote& note : actions.notes) {
      if (note.kind == MemberNote::Kind::timed_out) out_ << "late: " << note.member << "\n";
    }
    if (actions.finished) {
      out_ << "finished\n";
      scan_.reset();
    } else {
      EXPECT_TRUE(actions.wake_at.has_value()) << "sleeps for ever";
    }
  }

  void tell_reply(const msg::ScanDone& done) {
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

  std::unique_ptr<testing::SmallRing> ring_;
  Routing routing_{1, RoutingSettings()};
  Moment at_;
  std::unique_ptr<ScanMachine> scan_;
  std::map<std::string, std::vector<msg::RequestId>> waiting_;
  std::ostringstream out_;
};

}  // namespace

std::unique_ptr<Script> make_scan_script() {
  return std::make_unique<ScanScript>();
}

}  // namespace kv::transcript
