#include "libkv/model/merkle_tree.h"

#include <map>

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

TEST(MerkleTree, IncrementalEqualsRecomputed) {
  for (const unsigned bits : {0u, 5u, 8u, 11u, 14u}) {
    Random random(bits);
    MerkleTree incremental(bits);
    std::map<std::string, Hash128> records;
    const auto change = [&](MerkleTree* tree, const std::string& key, const Hash128& digest,
                            bool in) {
      const uint32_t leaf = tree->leaf_of(token_of(3, key));
      LeafSum sum;
      in ? sum += {leaf_hash(3, key, digest), 1} : sum -= {leaf_hash(3, key, digest), 1};
      tree->add(leaf, sum);
    };
    for (int i = 0; i < 3000; ++i) {
      const std::string key = "k" + std::to_string(random.below(500));
      if (const auto held = records.find(key); held != records.end()) {
        change(&incremental, key, held->second, false);
        records.erase(held);
      }
      if (random.chance(0.3)) continue;
      const Hash128 digest{random.next(), random.next()};
      records[key] = digest;
      change(&incremental, key, digest, true);
    }
    MerkleTree recomputed(bits);
    for (const auto& [key, digest] : records) change(&recomputed, key, digest, true);
    EXPECT_EQ(incremental.leaves(), recomputed.leaves());
    EXPECT_EQ(incremental.root(), recomputed.root());
    EXPECT_EQ(incremental, recomputed);
    EXPECT_EQ(incremental.keys(), records.size());
    for (const auto& [key, digest] : records) change(&incremental, key, digest, false);
    EXPECT_EQ(incremental.root(), 0u);
    EXPECT_TRUE(incremental.leaves().empty());
  }
}

TEST(MerkleTree, AWalkFromTheRootFindsTheLeafThatDiffers) {
  MerkleTree one(9), other(9);  // 2,048 leaves: the upmost level is not full.
  EXPECT_EQ(one.leaf_count(), 2048u);
  EXPECT_EQ(one.depth(), 3u);
  Random random(1);
  for (uint32_t leaf = 0; leaf < 2048; leaf += 3) {
    const uint64_t hash = random.next();
    one.add(leaf, hash);
    other.add(leaf, hash);
  }
  EXPECT_EQ(one.root(), other.root());
  other.add(1999, 1);
  std::vector<uint32_t> differing = {0};
  for (unsigned level = 0; level < one.depth(); ++level) {
    std::vector<uint32_t> below;
    for (const uint32_t node : differing) {
      for (uint32_t child = node * MerkleTree::kChildren;
           child < std::min((node + 1) * MerkleTree::kChildren, one.node_count(level + 1));
           ++child) {
        if (one.node(level + 1, child) != other.node(level + 1, child)) below.push_back(child);
      }
    }
    differing = below;
  }
  EXPECT_EQ(differing, (std::vector<uint32_t>{1999}));
}

TEST(MerkleTree, LeavesAreTheTokensBitsBelowThePartitions) {
  const MerkleTree tree(8);
  EXPECT_EQ(tree.leaf_count(), 4096u);
  EXPECT_EQ(tree.leaf_of(0xab'123'00000000000), 0x123u);
  EXPECT_EQ(partition_of(0xab'123'00000000000, 8), 0xabu);
  EXPECT_EQ(partition_of(~Token{0}, 0), 0u);
  EXPECT_EQ(MerkleTree(0).leaf_of(~Token{0}), (1u << 20) - 1);
}

}  // namespace
}  // namespace kv
