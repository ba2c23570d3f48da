#include "libkv/replica/durable_queue.h"

#include <utility>

#include "libkv/base/assert.h"

namespace kv {

DurableQueue::DurableQueue(Engine& engine)
    : engine_(engine), last_applied_(engine.durable_sequence()) {
  engine_.on_durable([this](const Result<Sequence>& durable) { on_engine(durable); });
}

DurableQueue::~DurableQueue() {
  engine_.on_durable([](const Result<Sequence>&) {});
}

Result<Sequence> DurableQueue::apply(const WriteBatch& batch, Durability durability) {
  if (failure_) return fail(*failure_);
  return applied(engine_.apply(batch, durability));
}

Result<Sequence> DurableQueue::drop_range(const KeyRange& range, Durability durability) {
  if (failure_) return fail(*failure_);
  return applied(engine_.drop_range(range, durability));
}

Result<Sequence> DurableQueue::applied(Result<Sequence> sequence) {
  if (!sequence) return sequence;
  KV_ASSERT(*sequence > last_applied_);
  last_applied_ = *sequence;
  return sequence;
}

void DurableQueue::when_durable(Sequence sequence, Then then) {
  KV_ASSERT(waiting_.empty() || waiting_.back().sequence <= sequence);
  if (failure_) return then(fail(*failure_));
  if (waiting_.empty() && sequence <= engine_.durable_sequence()) return then({});
  waiting_.push_back({sequence, std::move(then)});
}

void DurableQueue::when_all_durable(Then then) {
  if (last_applied_ > engine_.durable_sequence()) engine_.sync();
  when_durable(last_applied_, std::move(then));
}

void DurableQueue::on_engine(const Result<Sequence>& durable) {
  if (!durable && !failure_) failure_ = durable.error();
  while (!waiting_.empty() && (failure_ || waiting_.front().sequence <= *durable)) {
    const Waiter waiter = std::move(waiting_.front());
    waiting_.pop_front();
    waiter.then(failure_ ? Status(fail(*failure_)) : Status());
  }
}

}  // namespace kv
