// The scripts of puts and gets:
//
//   ring … [dc=3:dc2,…] [host=4:h1,…] [move=1:4:read_new]      (ring_script.h has the rest)
//   put [w=N] [mode=plain|context|sibling] [left=MS] | get [r=N]
//   made M [kind=lww] [refused ANSWER [epoch=E]]        durable M | durable M io
//   merged M [remain] [refused ANSWER [epoch=E]]        unsent M        done M
//   read M value=V|none|digest-of=V [kind=lww] [refused ANSWER] [refilling]
//
// M is the member; what is answered is its oldest unanswered request of that kind.
#include <algorithm>
#include <utility>

#include "libkv/protocol/get_machine.h"
#include "libkv/protocol/put_machine.h"
#include "tests/transcripts/ring_script.h"

namespace kv::transcript {
namespace {

// A record whose siblings are the letters of `values`; the letter's place in the alphabet is its
// counter, and each covers the ones below it unless they are named too.
Record record_of(const std::string& values) {
  Record record;
  if (values == "none") return record;
  for (char letter : values) {
    Sibling sibling;
    sibling.dot = {Actor(1, 7), static_cast<uint64_t>(letter - 'a' + 1)};
    sibling.put = {2, sibling.dot.counter};
    sibling.value = SharedBytes(std::string(1, letter));
    record.context.see(sibling.dot);
    record.siblings.push_back(sibling);
  }
  return record;
}

std::string letters(const Record& record) {
  std::string text;
  for (const Sibling& sibling : record.siblings) text += sibling.value.view();
  return text.empty() ? "none" : text;
}

class PutGetScript final : public RingScript {
  void end() override {
    put_.reset();
    get_.reset();
  }

  void shape_ring(const Words& words) override {
    for (const std::string& pair : split(words.value("dc"), ',')) {
      ring_->member(member_of(pair)).labels.dc = pair.substr(pair.find(':') + 1);
    }
    for (const std::string& pair : split(words.value("host"), ',')) {
      ring_->member(member_of(pair)).labels.host = pair.substr(pair.find(':') + 1);
    }
    if (const auto move = split(words.value("move"), ':'); move.size() == 3) {
      Slot& slot = ring_->slot(static_cast<size_t>(std::stoi(move[0])) - 1);
      slot.successor = member_of(move[1]);
      slot.stage = move[2] == "read_new" ? SlotStage::read_new : SlotStage::write_both;
      auto& fallbacks = ring_->map.placements[0].table[0].fallbacks;
      fallbacks.erase(std::find(fallbacks.begin(), fallbacks.end(), slot.successor));
    }
  }

  template <typename M>
  void give(const M& message, CoordinatorActions* actions) {
    if constexpr (requires { put_->on_answer(message, at_, actions); }) {
      if (put_) return put_->on_answer(message, at_, actions);
    }
    if constexpr (requires { get_->on_answer(message, at_, actions); }) {
      if (get_) return get_->on_answer(message, at_, actions);
    }
  }

  void obey(const Words& words, CoordinatorActions* actions) override {
    const std::string& what = words[0];
    if (what == "put") return start_put(words, actions);
    if (what == "get") return start_get(words, actions);
    if (what == "tick") return put_ ? put_->on_tick(at_, actions) : get_->on_tick(at_, actions);
    if (what == "replan") {
      return put_ ? put_->replan(plan(), at_, actions) : get_->replan(plan(), at_, actions);
    }
    if (what == "unsent") {
      const msg::RequestId id = take(put_ ? "mint" : "read", words[1]);
      return put_ ? put_->on_not_sent(id, at_, actions) : get_->on_not_sent(id, at_, actions);
    }
    if (what == "done") return give(msg::Done{take("owe", words[1]), Answer::ok, 41, ""}, actions);
    answer(words, actions);
  }

  void answer(const Words& words, CoordinatorActions* actions) {
    const std::string refused = words.after("refused");
    const Answer answer = refused.empty() ? Answer::ok : answer_of(refused);
    const auto epoch = static_cast<Epoch>(words.number("epoch", 41));
    if (words[0] == "made") {
      msg::MintMade made;
      made.id = take("mint", words[1]);
      made.answer = answer;
      made.epoch = epoch;
      made.record = record_of("a");
      made.record.siblings[0].put = {9, 9};
      if (words.value("kind") == "lww") made.record.kind = RecordKind::last_write_wins;
      last_mint_[words[1]] = made.id;
      give(made, actions);
    } else if (words[0] == "durable") {
      const Answer told = words.has("io") ? Answer::io : Answer::ok;
      give(msg::MintDurable{last_mint_[words[1]], told}, actions);
    } else if (words[0] == "merged") {
      msg::Merged merged;
      merged.id = take("merge", words[1]);
      merged.answer = answer;
      merged.epoch = epoch;
      merged.siblings_remain = words.has("remain");
      if (merged.siblings_remain) merged.context = record_of("b").context;
      give(merged, actions);
    } else if (words[0] == "read") {
      give_read(words, answer, epoch, actions);
    } else {
      ADD_FAILURE() << "no such command: " << words[0];
    }
  }

  void give_read(const Words& words, Answer answer, Epoch epoch, CoordinatorActions* actions) {
    msg::ReadDone done;
    done.id = take("read", words[1]);
    done.answer = answer;
    done.epoch = epoch;
    done.refilling = words.has("refilling");
    const std::string digest = words.value("digest-of");
    const Record record = record_of(digest.empty() ? words.value("value", "none") : digest);
    done.digest = digest_of(record);
    done.has_record = digest.empty();
    if (done.has_record) done.record = record;
    if (words.value("kind") == "lww") done.record.kind = RecordKind::last_write_wins;
    give(done, actions);
  }

  void start_put(const Words& words, CoordinatorActions* actions) {
    msg::ClientPut put;
    put.key = SharedBytes("k");
    put.put = {9, 9};
    put.w = static_cast<uint8_t>(words.number("w", 0));
    put.time_left = std::chrono::milliseconds(words.number("left", 1600));
    const std::string mode = words.value("mode", "plain");
    put.mode = mode == "plain"     ? PutMode::over_what_is_there
               : mode == "context" ? PutMode::over_context
                                   : PutMode::sibling;
    put_ = std::make_unique<PutMachine>(PutSettings(), put, plan(), 0);
    put_->start(at_, actions);
  }

  void start_get(const Words& words, CoordinatorActions* actions) {
    msg::ClientGet get;
    get.key = SharedBytes("k");
    get.r = static_cast<uint8_t>(words.number("r", 0));
    get.time_left = std::chrono::milliseconds(words.number("left", 1600));
    get_ = std::make_unique<GetMachine>(GetSettings(), get, plan(), 0);
    get_->start(at_, actions);
  }

  void tell_sent(const ToNode& to) override {
    std::visit([&](const auto& message) { tell_sent(to.to, message); }, to.message);
  }
  void tell_sent(MemberNumber to, const msg::Mint& mint) {
    remember("mint", to, mint.id);
    out_ << "mint at " << to << " attempt=" << mint.attempt;
    if (!mint.context.empty()) out_ << " over=" << to_string(mint.context);
    tell_members(mint.hint_for, mint.owed);
  }
  void tell_sent(MemberNumber to, const msg::Merge& merge) {
    remember("merge", to, merge.id);
    out_ << (merge.hint_for.empty() ? "merge to " : "hint to ") << to;
    if (get_) out_ << " value=" << letters(merge.record);
    if (merge.epoch != 41) out_ << " epoch=" << merge.epoch;
    tell_members(merge.hint_for, merge.owed);
  }
  void tell_sent(MemberNumber to, const msg::Read& read) {
    remember("read", to, read.id);
    out_ << "read at " << to << (read.digest_only ? " digest" : " record")
         << (read.durable ? " durable" : "") << "\n";
  }
  void tell_sent(MemberNumber to, const msg::Owe& owe) {
    remember("owe", to, owe.id);
    out_ << "owe at " << to;
    tell_members({}, owe.members);
  }
  void tell_sent(MemberNumber, const msg::ScanPage&) {}

  void tell_members(const std::vector<MemberNumber>& hint, const std::vector<MemberNumber>& owed) {
    if (!hint.empty()) out_ << " for=" << names(hint);
    if (!owed.empty()) out_ << " owed=" << names(owed);
    out_ << "\n";
  }

  void tell_reply(const msg::PutDone& done) override {
    out_ << "reply " << to_string(done.answer) << " slots=" << int{done.slots}
         << " hints=" << int{done.hints} << " W=" << int{done.needed};
    if (!done.detail.empty()) out_ << " \"" << done.detail << "\"";
    out_ << "\n";
  }
  void tell_reply(const msg::GetDone& done) override {
    out_ << "reply " << to_string(done.answer) << " value=" << letters(done.record)
         << " replicas=" << int{done.replicas} << " R=" << int{done.needed};
    if (!done.detail.empty()) out_ << " \"" << done.detail << "\"";
    out_ << "\n";
  }
  std::unique_ptr<PutMachine> put_;
  std::unique_ptr<GetMachine> get_;
  std::map<std::string, msg::RequestId> last_mint_;
};

}  // namespace

std::unique_ptr<Script> make_put_get_script() {
  return std::make_unique<PutGetScript>();
}

}  // namespace kv::transcript
