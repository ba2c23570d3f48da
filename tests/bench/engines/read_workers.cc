#include "tests/bench/engines/read_workers.h"

#include <algorithm>

namespace kv::bench {

std::optional<Result<Begun>> GetWorker::begin() {
  number_ = random_.below(dataset().keys());
  key_ = Key(number_, wanted_ == Wanted::missing);
  before_ = dataset().issued(number_);
  return session().begin_get(key_.view(), *this);
}

void GetWorker::check_value(size_t, const BytesView* value) {
  switch (wanted_) {
    case Wanted::present:
      return note(dataset().check(number_, value, before_, before_));
    case Wanted::written:
      // The last that was issued may have been on its way, and any later one may have arrived.
      return note(dataset().check(number_, value, std::max<Version>(before_, 2) - 1,
                                  dataset().issued(number_)));
    case Wanted::missing:
      return note(dataset().check(number_, value, 0, 0));
  }
}

MultiGetWorker::MultiGetWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits,
                               WorkerPlace place, size_t keys_a_call)
    : Worker(engine, dataset, limits),
      random_(place.number + 1),
      numbers_(keys_a_call),
      keys_(keys_a_call),
      views_(keys_a_call) {}

std::optional<Result<Begun>> MultiGetWorker::begin() {
  for (size_t i = 0; i < numbers_.size(); ++i) {
    numbers_[i] = random_.below(dataset().keys());
    keys_[i] = Key(numbers_[i]);
    views_[i] = keys_[i].view();
  }
  return session().begin_multi_get(views_, *this);
}

void MultiGetWorker::check_value(size_t index, const BytesView* value) {
  const Version version = dataset().issued(numbers_[index]);
  note(dataset().check(numbers_[index], value, version, version));
}

void ScanWorker::begin_range(uint64_t first, uint64_t end) {
  first_ = next_ = first;
  end_ = end;
  from_ = next_key_ = Key(first);
  to_ = Key(end);
}

std::optional<Result<Begun>> ScanWorker::begin() {
  const uint64_t keys = dataset().keys();
  if (group_keys_ == 0) {
    begin_range(0, keys);
    return session().begin_scan({}, {}, *this);
  }
  const uint64_t group = random_.below((keys + group_keys_ - 1) / group_keys_);
  begin_range(group * group_keys_, std::min(keys, (group + 1) * group_keys_));
  return session().begin_scan(from_.view(), to_.view(), *this);
}

void ScanWorker::on_row(const Pair& row) {
  const bool key_right = next_ < end_ && row.key == next_key_.view();
  const bool right = key_right && dataset().version_of(next_, row.value, next_ % 16 != 0) ==
                                      dataset().issued(next_);
  if (!right) {
    const std::string what = key_right ? ": a wrong value" : ", which was not due,";
    return note(
        fail(ErrorKind::corrupt, "key " + std::string(row.key) + what + " was walked over"));
  }
  ++next_;
  next_key_.advance();
}

Status ScanWorker::check_end() const {
  if (next_ == end_) return {};
  return fail(ErrorKind::corrupt,
              "a scan ended before key " + std::string(next_key_.view()) + ", which is there");
}

}  // namespace kv::bench
