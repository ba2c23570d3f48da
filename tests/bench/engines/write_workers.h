// Workers that write. With T of them each has numbers of its own, so that a number's versions are
// written in order.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "tests/bench/engines/worker.h"

namespace kv::bench {

enum class WriteOrder {
  sequential,  ///< Each number once, ascending.
  shuffled,    ///< Each number once, in an order that looks random.
  random,      ///< A random number each time, without end.
};

struct WriteWork {
  WriteOrder order = WriteOrder::shuffled;
  size_t batch = 1;      ///< Pairs a call.
  bool endless = false;  ///< After the last number the first again.
  /// If not null, grows by each call's pairs once they are acknowledged.
  std::atomic<uint64_t>* acknowledged = nullptr;
};

class WriteWorker final : public Worker {
 public:
  WriteWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits, WorkerPlace place,
              const WriteWork& work);

 protected:
  std::optional<Result<Begun>> begin() override;
  uint64_t keys_of_call() const override { return pairs_.size(); }
  void on_done() override;

 private:
  std::optional<uint64_t> next_number();
  void add(uint64_t number);

  const WorkerPlace place_;
  const WriteWork work_;
  const uint64_t own_count_;  // Of the numbers, or places in the order, that are this worker's.
  uint64_t next_ = 0;
  Random random_;
  std::vector<Key> keys_;
  std::string values_;
  std::vector<Pair> pairs_;
};

/// What a put of this store does to its engine: reads the key's record, merges, writes it.
class PutMergeWorker final : public Worker {
 public:
  PutMergeWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits,
                 WorkerPlace place);

 protected:
  std::optional<Result<Begun>> begin() override;
  void check_value(size_t index, const BytesView* value) override;
  size_t answers_wanted() const override { return 1; }
  bool has_next_part() override { return !writing_; }
  Result<Begun> begin_next_part() override;

 private:
  const WorkerPlace place_;
  const uint64_t own_count_;
  Random random_;
  uint64_t number_ = 0;
  Key key_;
  bool writing_ = false;
  std::string value_;
};

}  // namespace kv::bench
