// Histories of one put that no random world is sure to meet.
#include "libkv/protocol/put_machine.h"

#include <gtest/gtest.h>

#include "tests/kit/small_ring.h"

namespace kv {
namespace {

class PutMachineTest : public ::testing::Test {
 protected:
  PutMachineTest() {
    routing_.on_view(ring_.publish());
    put_.time_left = 2s;
    put_.keyspace = "t";
    put_.key = SharedBytes::copy_of("k");
    put_.put = {7, 1};
    put_.value = SharedBytes::copy_of("v");
    begin();
  }
  void begin() {
    machine_ =
        std::make_unique<PutMachine>(PutSettings(), put_, ring_.plan(routing_, at_.now), 1u << 16);
    machine_->start(at_, &next());
  }

  /// The mint that was just sent.
  msg::Mint take_mint() {
    for (const ToNode& request : actions_.to_nodes) {
      if (const auto* mint = std::get_if<msg::Mint>(&request.message)) return *mint;
    }
    ADD_FAILURE() << "no mint was sent";
    return {};
  }
  CoordinatorActions& next() {
    actions_ = {};
    return actions_;
  }
  msg::MintMade made(msg::RequestId id) const {
    msg::MintMade made;
    made.id = id;
    made.epoch = ring_.map.epoch;
    Sibling sibling;
    sibling.dot = {Actor(1, 3), 1};
    sibling.put = put_.put;
    sibling.value = put_.value;
    made.record.siblings.push_back(sibling);
    made.record.context.see(sibling.dot);
    return made;
  }

  testing::SmallRing ring_{3, 3, 2, 2, true};
  Routing routing_{1, {}};
  Moment at_;
  msg::ClientPut put_;
  CoordinatorActions actions_;
  std::unique_ptr<PutMachine> machine_;
};

// Else it was sent again before it could be answered, and again.
TEST_F(PutMachineTest, ALargeValueIsWaitedForAsLongAsItTakes) {
  const Duration small = *actions_.wake_at - at_.now;
  put_.time_left = 5s;
  put_.value = SharedBytes(std::string(3u << 20, 'v'));
  begin();
  const msg::RequestId first = take_mint().id;
  const Duration large = *actions_.wake_at - at_.now;
  EXPECT_EQ(large, small + patience_for(3u << 20));
  EXPECT_GE(large, 900ms);

  at_.now = at_.now + large;
  machine_->on_answer(made(first), at_, &next());
  EXPECT_GE(*actions_.wake_at - at_.now, 900ms) << "so are its merges";
}

TEST_F(PutMachineTest, AMintThatIsHeardOfWhenANewerMapShowsNobodyIsNotSpread) {
  const msg::RequestId first = take_mint().id;
  at_.now = *actions_.wake_at;
  machine_->on_tick(at_, &next());
  msg::MintMade stale;
  stale.id = take_mint().id;
  stale.answer = Answer::stale_epoch;
  stale.epoch = ++ring_.map.epoch;
  machine_->on_answer(stale, at_, &next());
  ASSERT_EQ(actions_.replan, ring_.map.epoch);

  // The coordinator's own kv-gossip has just come back and knows of nobody yet.
  for (MemberNumber member = 1; member <= 3; ++member) ring_.set_up(member, false);
  routing_.on_view(ring_.publish());
  machine_->replan(ring_.plan(routing_, at_.now), at_, &next());
  machine_->on_answer(made(first), at_, &next());
  EXPECT_FALSE(actions_.reply.has_value());

  for (int ticks = 0; ticks < 20 && !actions_.finished; ++ticks) {
    ASSERT_TRUE(actions_.wake_at.has_value());
    at_.now = std::max(at_.now, *actions_.wake_at);
    const bool replied = actions_.reply.has_value();
    machine_->on_tick(at_, &next());
    // It was made somewhere, so it is not said to be stored nowhere.
    if (!replied && actions_.reply) {
      EXPECT_EQ(std::get<msg::PutDone>(*actions_.reply).answer, Answer::unknown);
    }
  }
  EXPECT_TRUE(actions_.finished);
}

}  // namespace
}  // namespace kv
