// Both engines against std::map: arbitrary traces of writes, reads, drops, ingests, checkpoints,
// clean stops and losses of power (engine_trace.h).
#include <gtest/gtest.h>

#include "tests/unit/storage/engines/arbitrary_trace.h"
#include "tests/unit/storage/engines/engine_replay.h"

namespace kv {
namespace {

struct ModelCase {
  const char* name;
  EngineType type;
  uint64_t memory_bytes;
};
class EngineModelTest : public testing::TestWithParam<ModelCase> {};

TEST_P(EngineModelTest, AgreesWithAMap) {
  ReplayCounts counts;
  const bool are_all = check_traces({.traces = 12}, [&counts](const EngineTrace& trace) {
    EngineReplay replay({.type = GetParam().type, .memory_bytes = GetParam().memory_bytes});
    const auto problem = replay.run(trace);
    counts.add(replay.counts());
    return problem;
  });
  // Traces that never flush or merge would prove little.
  if (!are_all) return;
  EXPECT_GT(counts.walks, 500u);
  EXPECT_GT(counts.snapshots_read, 40u);
  EXPECT_GT(counts.drops, 40u);
  EXPECT_GT(counts.ingests, 30u);
  EXPECT_GT(counts.checkpoints, 10u);
  EXPECT_GT(counts.stops, 30u);
  EXPECT_GT(counts.power_losses, 60u);
  if (GetParam().type == EngineType::memory) return;
  EXPECT_GT(counts.flushes, 100u);
  EXPECT_GT(counts.compactions, 30u);
  EXPECT_GE(counts.levels, 3u);
  EXPECT_GT(counts.many_on_disk, 20u);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineModelTest,
                         // With 6 KiB nothing is cached, nearly no table stays open, and writes
                         // wait for every flush.
                         testing::Values(ModelCase{"lsm", EngineType::lsm, 0},
                                         ModelCase{"lsm_without_memory", EngineType::lsm, 6 << 10},
                                         ModelCase{"memory", EngineType::memory, 0}),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace kv
