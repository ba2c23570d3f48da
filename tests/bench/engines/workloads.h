// The workloads of engine_bench: what each begins from and what it measures.
#pragma once

#include <span>

#include "tests/bench/engines/bench_run.h"

namespace kv::bench {

struct Workload {
  const char* name;
  const char* what;
  bool reads = false;   ///< Measures reading or opening: --cold has a meaning.
  bool writes = false;  ///< Measures writing: --sync has a meaning.
  Result<Figures> (*run)(BenchRun& run) = nullptr;
  /// It must be the only one of a run: it forks, and no thread may have been started before.
  bool is_alone = false;
};

std::span<const Workload> workloads();
/// Null: there is none.
const Workload* workload_named(const std::string& name);

/// Lets a child write until all keys are there and longer, kills it with SIGKILL while it writes,
/// and times opening what it leaves. Fails if a value is wrong, or, where writes were synced, an
/// acknowledged one is missing. In crash_reopen.cc.
Result<Figures> crash_and_reopen(BenchRun& run);

}  // namespace kv::bench
