// Workers that read, and verify every answer: the value, its version, and that nothing is missing
// or there that should not.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "tests/bench/engines/worker.h"

namespace kv::bench {

enum class Wanted {
  present,  ///< Random keys that are there, with what was written last.
  written,  ///< The same while others write them.
  missing,  ///< Random keys that are not there.
};

class GetWorker final : public Worker {
 public:
  GetWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits, WorkerPlace place,
            Wanted wanted)
      : Worker(engine, dataset, limits), wanted_(wanted), random_(place.number + 1) {}

 protected:
  std::optional<Result<Begun>> begin() override;
  void check_value(size_t index, const BytesView* value) override;
  size_t answers_wanted() const override { return 1; }

 private:
  const Wanted wanted_;
  Random random_;
  uint64_t number_ = 0;
  Key key_;
  Version before_ = 0;  // What had been issued when the read began.
};

/// Many random keys a call.
class MultiGetWorker final : public Worker {
 public:
  MultiGetWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits,
                 WorkerPlace place, size_t keys_a_call);

 protected:
  std::optional<Result<Begun>> begin() override;
  void check_value(size_t index, const BytesView* value) override;
  size_t answers_wanted() const override { return numbers_.size(); }
  uint64_t keys_of_call() const override { return numbers_.size(); }

 private:
  Random random_;
  std::vector<uint64_t> numbers_;
  std::vector<Key> keys_;
  std::vector<BytesView> views_;
};

/// A range of numbers a call, walked in order: all of them, or a random group of neighbours. Every
/// key is verified; of the values one in 16 in every byte, the others quickly.
class ScanWorker final : public Worker {
 public:
  /// Groups of `group_keys`; 0: all at once.
  ScanWorker(BenchEngine& engine, Dataset& dataset, const WorkerLimits& limits, WorkerPlace place,
             uint64_t group_keys)
      : Worker(engine, dataset, limits), group_keys_(group_keys), random_(place.number + 1) {}
  void on_row(const Pair& row) override;

 protected:
  std::optional<Result<Begun>> begin() override;
  uint64_t keys_of_call() const override { return end_ - first_; }
  Status check_end() const override;

 private:
  void begin_range(uint64_t first, uint64_t end);

  const uint64_t group_keys_;
  Random random_;
  uint64_t first_ = 0, end_ = 0, next_ = 0;
  Key from_, to_, next_key_;
};

}  // namespace kv::bench
