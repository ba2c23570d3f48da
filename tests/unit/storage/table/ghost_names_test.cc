// Which blocks the cache still knows by name.
#include "libkv/storage/table/ghost_names.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

TEST(GhostNamesTest, KnowsTheLastOnesOnce) {
  constexpr size_t kNames = 1000;
  GhostNames ghosts;
  Random random(7);
  std::vector<uint64_t> hashes;
  for (size_t i = 0; i < 5 * kNames; ++i) {
    hashes.push_back(random.next());
    ghosts.remember(hashes.back(), kNames);
  }
  size_t known = 0;
  for (size_t i = 0; i < hashes.size(); ++i) {
    const bool is_known = ghosts.recall(hashes[i]);
    if (i < 4 * kNames) {
      EXPECT_FALSE(is_known) << i;
    }
    known += is_known;
    EXPECT_FALSE(ghosts.recall(hashes[i])) << "it was taken out";
  }
  EXPECT_GT(known, kNames * 6 / 10) << "few take each other's place";
}

TEST(GhostNamesTest, NobodyIsKnownAtFirst) {
  GhostNames ghosts;
  EXPECT_FALSE(ghosts.recall(0));
  ghosts.remember(0, 1);
  EXPECT_TRUE(ghosts.recall(0));
  EXPECT_FALSE(ghosts.recall(0));
}

}  // namespace
}  // namespace kv
