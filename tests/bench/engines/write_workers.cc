#include "tests/bench/engines/write_workers.h"

namespace kv::bench {

namespace {

/// How many of `count` things fall to this place, dealt in turn.
uint64_t share_of(uint64_t count, WorkerPlace place) {
  return (count - place.number + place.count - 1) / place.count;
}

}  // namespace

WriteWorker::WriteWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits,
                         WorkerPlace place, const WriteWork& work)
    : Worker(engine, dataset, limits),
      place_(place),
      work_(work),
      own_count_(share_of(dataset.keys(), place)),
      random_(place.number + 1),
      keys_(work.batch),
      values_(work.batch * dataset.value_bytes(), '\0') {}

std::optional<uint64_t> WriteWorker::next_number() {
  if (work_.order == WriteOrder::random)
    return random_.below(own_count_) * place_.count + place_.number;
  if (next_ == own_count_ && !work_.endless) return std::nullopt;
  const uint64_t index = next_++ % own_count_ * place_.count + place_.number;
  return work_.order == WriteOrder::sequential ? index : dataset().shuffled(index);
}

void WriteWorker::add(uint64_t number) {
  const size_t index = pairs_.size(), bytes = dataset().value_bytes();
  char* const value = values_.data() + index * bytes;
  keys_[index] = Key(number);
  dataset().compose(number, dataset().issue(number), value);
  pairs_.push_back({keys_[index].view(), BytesView(value, bytes)});
}

std::optional<Result<Begun>> WriteWorker::begin() {
  pairs_.clear();
  while (pairs_.size() < work_.batch) {
    const auto number = next_number();
    if (!number) break;
    add(*number);
  }
  if (pairs_.empty()) return std::nullopt;
  return session().begin_write(pairs_, *this);
}

void WriteWorker::on_done() {
  if (work_.acknowledged != nullptr) work_.acknowledged->fetch_add(pairs_.size());
}

PutMergeWorker::PutMergeWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits,
                               WorkerPlace place)
    : Worker(engine, dataset, limits),
      place_(place),
      own_count_(share_of(dataset.keys(), place)),
      random_(place.number + 1) {}

std::optional<Result<Begun>> PutMergeWorker::begin() {
  number_ = random_.below(own_count_) * place_.count + place_.number;
  key_ = Key(number_);
  writing_ = false;
  return session().begin_get(key_.view(), *this);
}

void PutMergeWorker::check_value(size_t, const BytesView* value) {
  const Version version = dataset().issued(number_);
  note(dataset().check(number_, value, version, version));
  if (value != nullptr) value_.assign(*value);
}

Result<Begun> PutMergeWorker::begin_next_part() {
  writing_ = true;
  dataset().compose(number_, dataset().issue(number_), value_.data());
  const Pair pair{key_.view(), value_};
  return session().begin_write({&pair, 1}, *this);
}

}  // namespace kv::bench
