// Runs workers to their end: each on a thread of its own, or all in turns of one loop, as the
// engine has it.
#pragma once

#include <memory>
#include <vector>

#include "tests/bench/engines/worker.h"

namespace kv::bench {

using Workers = std::vector<std::unique_ptr<Worker>>;

/// What came of them.
struct DriveFigures {
  Histogram latencies;
  uint64_t keys = 0;
  Duration took{};
  double cpu_seconds = 0;
};

/// Runs `workers` until all have finished; then `background`, which goes on until then, is stopped.
/// The figures are those of `workers`. The first failure ends all.
Result<DriveFigures> drive(BenchEngine& engine, const Workers& workers,
                           const Workers& background = {});

/// Their latencies and keys together; `took` and `cpu_seconds` stay 0.
DriveFigures sum_of(const Workers& workers);

}  // namespace kv::bench
