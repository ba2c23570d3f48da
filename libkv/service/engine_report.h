// What an engine counts, as a report: what kv-status(1) shows as `storage`, names and all. Pure.
#pragma once

#include "libkv/model/report.h"
#include "libkv/storage/engine_stats.h"

namespace kv {

Report engine_report(const EngineStats& stats);

}  // namespace kv
