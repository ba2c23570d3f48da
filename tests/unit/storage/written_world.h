// What tests of an engine's work on ranges begin with: one that is open, and remembers its pairs.
#pragma once

#include <gtest/gtest.h>

#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {

inline constexpr CrashPolicy kAllLost{UnsyncedData::dropped, UnsyncedNames::lost};

class WrittenWorldTest : public testing::Test {
 protected:
  WrittenWorldTest() { EXPECT_TRUE(world_.open()); }

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

  StorageWorld world_{1};
  EngineState state_;
};

}  // namespace kv
