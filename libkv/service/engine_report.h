// What an engine counts, as a report: what kv-status(1) shows as `storage`, names and all. Pure.
#pragma once

#include "libkv/model/report.h"
#include "libkv/storage/engine_stats.h"

namespace kv {

/// Of the whole process; zeros where nobody counts it.
struct ProcessMemory {
  uint64_t bytes_max = 0;
  uint64_t resident = 0;
};

Report engine_report(const EngineStats& stats, const ProcessMemory& process);

}  // namespace kv
