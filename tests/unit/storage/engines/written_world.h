// What tests of an engine's work on ranges begin with: one that is open, and remembers its pairs.
#pragma once

#include <gtest/gtest.h>

#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {

inline constexpr CrashPolicy kAllLost{UnsyncedData::dropped, UnsyncedNames::lost};

inline std::string name_of(const testing::TestParamInfo<EngineType>& engine) {
  return engine.param == EngineType::lsm ? "lsm" : "memory";
}

class WrittenWorldTest : public testing::Test {
 protected:
  explicit WrittenWorldTest(EngineType type = EngineType::lsm) : type_(type), world_(1, type) {
    EXPECT_TRUE(world_.open());
  }

  static std::string key(int n) { return "k" + std::to_string(1000 + n); }
  void put(const std::string& key, const std::string& value) {
    WriteBatch batch;
    batch.put(key, value);
    auto last = world_.engine->apply(batch, Durability::always);
    for (; !last && last.error().kind == ErrorKind::busy;
         last = world_.engine->apply(batch, Durability::always))
      ASSERT_TRUE(world_.scheduler.run_one());
    ASSERT_TRUE(last);
    state_[key] = value;
  }
  void fill(char letter) {
    for (int n = 0; n < 300; ++n) put(key(n), std::string(40, letter));
  }

  const EngineType type_;
  StorageWorld world_;
  EngineState state_;
};

}  // namespace kv
