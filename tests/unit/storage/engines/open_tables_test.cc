// However many tables there are, only so many are open, and every key has its answer.
#include "libkv/base/random.h"
#include "tests/unit/storage/engines/written_world.h"

namespace kv {
namespace {

class OpenTablesTest : public WrittenWorldTest {
 protected:
  static constexpr size_t kOpenMax = 3;
  Random random_{5};

  /// Opened again, with few tables at a time.
  OpenTablesTest() {
    fill_anew();
    EXPECT_TRUE(world_.engine->close());
    world_.options.open_tables_max = kOpenMax;
    EXPECT_TRUE(world_.open());
  }
  /// Of what does not compress: many tables.
  void fill_anew() {
    for (int n = 0; n < 300; ++n) {
      std::string value(100, '\0');
      for (char& byte : value) byte = static_cast<char>(random_.below(256));
      put(key(n), value);
    }
  }
  size_t open_tables() const { return world_.engine->stats().tables_open; }
};

TEST_F(OpenTablesTest, AreBoundedInNumber) {
  ASSERT_GT(world_.engine->stats().sstables, 2 * kOpenMax);
  EXPECT_LE(open_tables(), kOpenMax);
  for (const auto& [key, value] : state_) {
    const auto found = world_.get(key);
    ASSERT_TRUE(found && found->value) << key;
    EXPECT_EQ(found->value->view(), value);
    ASSERT_LE(open_tables(), kOpenMax) << key;
  }
  EXPECT_GT(open_tables(), 0u);
}

TEST_F(OpenTablesTest, AWalkAndCompactionsKeepToIt) {
  const auto walk = world_.engine->iterate({});
  for (const auto& [key, value] : state_) {
    ASSERT_TRUE(walk->valid());
    EXPECT_EQ(walk->key(), key);
    ASSERT_LE(open_tables(), kOpenMax) << key;
    walk->next();
  }
  fill_anew();
  world_.run_until_idle();
  EXPECT_GT(world_.engine->stats().compactions, 0u);
  EXPECT_LE(open_tables(), kOpenMax);
  const auto state = state_of(*world_.engine);
  ASSERT_TRUE(state);
  EXPECT_TRUE(*state == state_);
}

}  // namespace
}  // namespace kv
