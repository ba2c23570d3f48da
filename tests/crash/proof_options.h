// The options that the programs of the storage engine's proofs share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/crash/storage_world.h"

namespace kv {

struct ProofOptions {
  uint64_t states = 10000;               ///< Crash states to go through.
  uint64_t states_per_run = UINT64_MAX;  ///< Spread over the run, if it has more.
  uint64_t stride = 1;                   ///< Of the calls to fail, each `stride`th.
  uint64_t seed = 1;
  uint64_t seeds = 1;  ///< So many, from `seed` on.
  EngineType engine = EngineType::lsm;
  MetaType meta = MetaType::traced;
};

inline std::string to_string(const ProofOptions& options) {
  return std::string(options.engine == EngineType::lsm ? "lsm" : "memory") +
         (options.meta == MetaType::sqlite ? "+sqlite" : "+traced");
}

/// Sets the option `name` to `value`. False: there is none, or it takes no such value.
inline bool set_option(ProofOptions& options, const std::string& name, const std::string& value) {
  const uint64_t number = std::strtoull(value.c_str(), nullptr, 10);
  if (name == "--states") return (options.states = number) != 0;
  if (name == "--per-run") return (options.states_per_run = number) != 0;
  if (name == "--stride") return (options.stride = number) != 0;
  if (name == "--seed") return (options.seed = number) != 0;
  if (name == "--seeds") return (options.seeds = number) != 0;
  if (name == "--engine") {
    options.engine = value == "memory" ? EngineType::memory : EngineType::lsm;
    return value == "memory" || value == "lsm";
  }
  if (name != "--meta") return false;
  options.meta = value == "sqlite" ? MetaType::sqlite : MetaType::traced;
  return value == "sqlite" || value == "traced";
}

/// The options of a command line, which `usage` describes to whoever got them wrong.
inline std::optional<ProofOptions> parse_proof_options(int argc, char** argv, const char* usage) {
  ProofOptions options;
  bool sound = argc % 2 == 1;
  for (int i = 1; sound && i < argc; i += 2) sound = set_option(options, argv[i], argv[i + 1]);
  if (sound) return options;
  std::fprintf(stderr, "usage: %s\n", usage);
  return std::nullopt;
}

}  // namespace kv
