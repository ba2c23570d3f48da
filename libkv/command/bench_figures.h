// What a run of kv-bench measured. Pure.
#pragma once

#include <array>
#include <map>
#include <string>

#include "libkv/base/histogram.h"
#include "libkv/cli/exit_code.h"
#include "libkv/command/workload.h"
#include "libkv/model/report.h"

namespace kv {

/// One thread's, or, merged, a run's.
struct BenchFigures {
  std::array<Histogram, kBenchVerbs> latencies;  ///< Of the operations that were done.
  std::map<ExitCode, uint64_t> errors;           ///< By what a command would have exited with.
  std::string first_error;                       ///< A phrase for the user.
  uint64_t missed = 0;  ///< With a rate: due, but every client was busy until the end.
  Duration took{};

  void count_error(ExitCode code, const std::string& what);
  void merge(const BenchFigures& other);
  uint64_t done() const;
  /// Of all errors together; done if there were none.
  ExitCode code() const;
};

/// What was asked for, as it stands beside the figures.
struct BenchSetting {
  std::string workload, keyspace;
  uint64_t records = 0, value_bytes = 0, clients = 0, threads = 0, rate = 0;
};

/// workload, …, seconds, operations, operations_per_second, latency_us {count, mean, p50, p99,
/// p999, max}, verbs {read: {…}, …}, errors {exit code: count}, missed.
Report report_of(const BenchSetting& setting, const BenchFigures& figures);
/// The same for a person, from that report.
std::string bench_text(const Report& report);

}  // namespace kv
