// What the scripts of the coordinator's machines share: a small ring, the time, and who has been
// sent what and has not answered it.
//
//   ring members=4 n=3 w=2 [r=2] [strict] [down=3,4]      tick +MS      replan [down=…]
#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "libkv/protocol/coordinator_actions.h"
#include "libkv/protocol/routing.h"
#include "tests/kit/small_ring.h"
#include "tests/transcripts/script.h"
#include "tests/transcripts/words.h"

namespace kv::transcript {

class RingScript : public Script {
 public:
  std::string run(const std::string& line) final {
    const Words words(line);
    out_.str("");
    if (words[0] == "ring") return make_ring(words), "";
    if (words[0] == "tick") at_.now += std::chrono::milliseconds(std::stoi(words[1].substr(1)));
    if (words[0] == "replan") {
      ++ring_->map.epoch;
      set_down(words);
    }
    CoordinatorActions actions;
    obey(words, &actions);
    for (const ToNode& to : actions.to_nodes) tell_sent(to);
    if (actions.reply) std::visit([&](const auto& done) { tell_reply(done); }, *actions.reply);
    if (actions.replan) out_ << "replan for epoch " << *actions.replan << "\n";
    for (const MemberNote& note : actions.notes) {
      if (note.kind == MemberNote::Kind::timed_out) out_ << "late: " << note.member << "\n";
    }
    if (actions.finished) {
      out_ << "finished\n";
      end();
    } else {
      EXPECT_TRUE(actions.wake_at.has_value()) << "sleeps for ever";
    }
    return out_.str();
  }

 protected:
  /// The ring is new, and its members are up: what else the line says of it.
  virtual void shape_ring(const Words&) {}
  /// The machine has finished, or belongs to another ring.
  virtual void end() = 0;
  /// Of `tick` and `replan` only the machine's part is left to do.
  virtual void obey(const Words& words, CoordinatorActions* actions) = 0;
  virtual void tell_sent(const ToNode& to) = 0;
  virtual void tell_reply(const msg::PutDone&) {}
  virtual void tell_reply(const msg::GetDone&) {}
  virtual void tell_reply(const msg::ScanDone&) {}

  void remember(const std::string& kind, MemberNumber to, msg::RequestId id) {
    waiting_[kind + std::to_string(to)].push_back(id);
  }
  /// The oldest request of a kind that a member has not answered.
  msg::RequestId take(const std::string& kind, const std::string& member) {
    auto& ids = waiting_[kind + member];
    if (ids.empty()) {
      ADD_FAILURE() << "member " << member << " was sent no " << kind;
      return 0;
    }
    const msg::RequestId id = ids.front();
    ids.erase(ids.begin());
    return id;
  }
  Plan plan() const { return ring_->plan(routing_, at_.now); }

  std::unique_ptr<testing::SmallRing> ring_;
  Routing routing_{1, RoutingSettings()};
  Moment at_;
  std::ostringstream out_;

 private:
  void make_ring(const Words& words) {
    end();
    waiting_.clear();
    at_ = Moment();
    ring_ = std::make_unique<testing::SmallRing>(
        static_cast<MemberNumber>(words.number("members", 3)),
        static_cast<uint8_t>(words.number("n", 3)), static_cast<uint8_t>(words.number("r", 2)),
        static_cast<uint8_t>(words.number("w", 2)), words.has("strict"));
    shape_ring(words);
    set_down(words);
  }
  void set_down(const Words& words) {
    for (MemberNumber m = 1; m <= ring_->map.members.size(); ++m) ring_->set_up(m, true);
    for (const std::string& m : split(words.value("down"), ',')) ring_->set_up(member_of(m), false);
    routing_.on_view(ring_->publish());
  }

  std::map<std::string, std::vector<msg::RequestId>> waiting_;
};

}  // namespace kv::transcript
