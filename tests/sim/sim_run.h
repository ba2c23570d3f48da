// One seed: a cluster, clients, faults for a while, then quiet, and the judgement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/history.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/sim_world.h"

namespace kv {

struct SimRunOptions {
  uint64_t seed = 1;
  Duration time = 60s;  ///< Of faults and clients.
  bool faults = true;
  bool trace = false;
  std::string only = {};            ///< Classes of faults (Nemesis), in place of the world's.
  const SimWorld* world = nullptr;  ///< Null: the seed's.
  bool stop = false;                ///< At the first violation.
  std::string watched = {};         ///< A key whose every message is printed.
};

struct SimRunResult {
  uint64_t trace_hash = 0;
  Duration simulated{};
  std::string shape;  ///< Members, engine, faults: one line.
  History::Figures figures;
  FaultCounts faults;
  std::vector<std::string> violations;
};

SimRunResult run_seed(const SimRunOptions& options);

}  // namespace kv
