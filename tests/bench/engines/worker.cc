#include "tests/bench/engines/worker.h"

namespace kv::bench {

void Worker::start(std::vector<Worker*>* answered, bool is_alone) {
  answered_ = answered;
  is_alone_ = is_alone;
  ended_ = monotonic_now();
}

bool Worker::has_enough() const {
  return latencies_.count() >= limits_.calls_max || stopped_.load(std::memory_order_relaxed) ||
         (limits_.deadline && ended_ >= *limits_.deadline);
}

Result<Worker::Step> Worker::step() {
  if (state_ == State::answered) {
    state_ = State::idle;
    KV_TRY(part_status_);
    return part_over(part_ended_);
  }
  if (has_enough()) return Step::finished;
  answers_ = 0;
  began_ = is_alone_ ? ended_ : monotonic_now();
  const auto begun = begin();
  return begun ? after(*begun) : Step::finished;
}

Result<Worker::Step> Worker::after(const Result<Begun>& begun) {
  if (!begun) return fail(begun.error());
  if (*begun == Begun::over) return part_over(std::nullopt);
  state_ = State::waiting;
  return Step::waiting;
}

Result<Worker::Step> Worker::part_over(std::optional<Instant> ended) {
  KV_TRY(noted_);
  if (has_next_part()) return after(begin_next_part());
  ended_ = ended ? *ended : monotonic_now();
  if (answers_ != answers_wanted())
    return fail(ErrorKind::corrupt, "an operation had " + std::to_string(answers_) + " answers");
  KV_TRY(check_end());
  latencies_.record(ended_ - began_);
  keys_done_ += keys_of_call();
  on_done();
  return Step::again;
}

void Worker::on_value(size_t index, const BytesView* value) {
  ++answers_;
  check_value(index, value);
}

void Worker::on_over(Status status) {
  part_ended_ = monotonic_now();
  part_status_ = std::move(status);
  state_ = State::answered;
  answered_->push_back(this);
}

void Worker::note(Status status) {
  if (noted_ && !status) noted_ = std::move(status);
}

}  // namespace kv::bench
