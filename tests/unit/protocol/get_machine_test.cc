// Histories of one get that no random world is sure to meet.
#include "libkv/protocol/get_machine.h"

#include <gtest/gtest.h>

#include "tests/kit/small_ring.h"

namespace kv {
namespace {

class GetMachineTest : public ::testing::Test {
 protected:
  GetMachineTest() {
    routing_.on_view(ring_.publish());
    get_.time_left = 60s;
    get_.keyspace = "t";
    get_.key = SharedBytes::copy_of("k");
    machine_ =
        std::make_unique<GetMachine>(GetSettings(), get_, ring_.plan(routing_, at_.now), 1u << 16);
    machine_->start(at_, &next());
  }

  CoordinatorActions& next() {
    actions_ = {};
    return actions_;
  }
  template <typename Message>
  std::vector<Message> sent() const {
    std::vector<Message> messages;
    for (const ToNode& request : actions_.to_nodes)
      if (const auto* message = std::get_if<Message>(&request.message))
        messages.push_back(*message);
    return messages;
  }
  static Record record_of(size_t value_bytes) {
    Record record;
    Sibling sibling;
    sibling.dot = {Actor(1, 3), 1};
    sibling.put = {7, 1};
    sibling.value = SharedBytes(std::string(value_bytes, 'v'));
    record.siblings.push_back(sibling);
    record.context.see(sibling.dot);
    return record;
  }
  void answer(const msg::Read& read, const Record& record) {
    msg::ReadDone done;
    done.id = read.id;
    done.epoch = ring_.map.epoch;
    done.digest = digest_of(record);
    done.has_record = !read.digest_only;
    if (done.has_record) done.record = record;
    machine_->on_answer(done, at_, &next());
  }
  /// How long a repair is waited for that brings a value of so many bytes to a replica without it.
  Duration patience_of_repair(size_t value_bytes) {
    const auto reads = sent<msg::Read>();
    EXPECT_EQ(reads.size(), 2u);
    for (const msg::Read& read : reads)
      answer(read, read.digest_only ? Record() : record_of(value_bytes));
    EXPECT_EQ(sent<msg::Merge>().size(), 1u);
    return *actions_.wake_at - at_.now;
  }

  testing::SmallRing ring_{3, 3, 2, 2, true};
  Routing routing_{1, {}};
  Moment at_;
  msg::ClientGet get_;
  CoordinatorActions actions_;
  std::unique_ptr<GetMachine> machine_;
};

// The client turns to another coordinator after a third of its time: this one's word is to be there
// by then, also where both are a little late.
TEST_F(GetMachineTest, ThatTheOthersCannotBeHadIsSaidInAQuarterOfTheClientsTime) {
  ring_.set_up(2, false);
  ring_.set_up(3, false);
  routing_.on_view(ring_.publish());
  get_.time_left = 600ms;
  const Instant begun = at_.now;
  machine_ =
      std::make_unique<GetMachine>(GetSettings(), get_, ring_.plan(routing_, at_.now), 1u << 16);
  machine_->start(at_, &next());
  for (const msg::Read& read : sent<msg::Read>()) {
    if (!read.digest_only) answer(read, record_of(1));
  }
  for (int ticks = 0; ticks < 20 && !actions_.reply; ++ticks) {
    ASSERT_TRUE(actions_.wake_at.has_value());
    at_.now = std::max(at_.now, *actions_.wake_at);
    machine_->on_tick(at_, &next());
  }
  ASSERT_TRUE(actions_.reply.has_value());
  EXPECT_EQ(std::get<msg::GetDone>(*actions_.reply).answer, Answer::unavailable);
  EXPECT_LE(at_.now - begun, get_.time_left / 4);
}

class GetMachineRepairTest : public GetMachineTest, public ::testing::WithParamInterface<size_t> {};

// Else it was sent again before it could be answered, and the replica held to be late.
TEST_P(GetMachineRepairTest, ARepairIsWaitedForAsLongAsItsValueTakes) {
  const Duration usual = ring_.plan(routing_, at_.now).candidate(1).durable_patience;
  EXPECT_EQ(patience_of_repair(GetParam()), usual + patience_for(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(SmallAndLarge, GetMachineRepairTest, ::testing::Values(1, 3u << 20));

}  // namespace
}  // namespace kv
