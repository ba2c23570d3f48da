// The run of kv-bench: logical clients with one operation each in flight, over one connection a
// thread.
//
// Without a rate the loop is closed: a client begins its next operation when the one before is
// done, and a slow cluster is asked less. With a rate it is open: operation i is due i/rate after
// the start, whoever is free does it, and its latency counts from then on, so that the time spent
// waiting for a free client is seen ("coordinated omission", as Gil Tene calls its absence).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/command/bench_figures.h"
#include "libkv/protocol/client_request.h"
#include "libkv/transport/transport.h"

namespace kv {

struct BenchOptions {
  Workload workload;
  std::string keyspace;
  std::vector<Endpoint> endpoints;  ///< Thread i prefers the i-th, and turns to the next ones.
  Duration timeout{};               ///< Of an operation.
  uint64_t records = 0;             ///< At least 1.
  uint64_t value_bytes = 0;
  uint64_t clients = 1;  ///< Shared out over the threads.
  uint64_t threads = 1;  ///< At most as many as clients.
  uint64_t rate = 0;     ///< Operations a second of all threads; 0: closed loop.
  Duration duration{};   ///< Zero: load runs until all is loaded.
  uint8_t r = 0, w = 0;  ///< 0: the keyspace's.
};

/// Runs to the end. An operation refused as bad input ends the run early, as every other would be.
BenchFigures run_bench(const BenchOptions& options);

}  // namespace kv
