#include "libkv/model/merkle_tree.h"

#include <algorithm>
#include <array>
#include <bit>

#include "libkv/base/assert.h"

namespace kv {

namespace {

constexpr unsigned kBitsPerLevel = 4;
static_assert(1u << kBitsPerLevel == MerkleTree::kChildren);

// Hashed as little-endian bytes, so that members of any make agree. Compared between members:
// never change.
template <size_t kCount>
uint64_t hash_of_words(const std::array<uint64_t, kCount>& words) {
  static_assert(std::endian::native == std::endian::little);
  return hash64(BytesView(reinterpret_cast<const char*>(words.data()), sizeof(words)));
}

}  // namespace

LeafSum& LeafSum::operator+=(const LeafSum& other) {
  hash += other.hash;
  keys = static_cast<uint16_t>(keys + other.keys);
  return *this;
}

LeafSum& LeafSum::operator-=(const LeafSum& other) {
  hash -= other.hash;
  keys = static_cast<uint16_t>(keys - other.keys);
  return *this;
}

MerkleTree::MerkleTree(unsigned partition_bits)
    : partition_bits_(partition_bits), leaf_count_(1u << (kLeafBits - partition_bits)) {
  KV_ASSERT(partition_bits < kLeafBits);
}

uint32_t MerkleTree::leaf_of(Token token) const {
  const Token below_partition = token << partition_bits_;
  return static_cast<uint32_t>(below_partition >> (64 - (kLeafBits - partition_bits_)));
}

void MerkleTree::add(uint32_t leaf, const LeafSum& sum) {
  KV_ASSERT(leaf < leaf_count_);
  if (leaves_.empty()) {
    leaves_.resize(leaf_count_);
    counts_.resize(leaf_count_);
  }
  leaves_[leaf] += sum.hash;
  keys_ -= counts_[leaf];
  counts_[leaf] = static_cast<uint16_t>(counts_[leaf] + sum.keys);
  keys_ += counts_[leaf];
}

void MerkleTree::add(const MerkleTree& other) {
  KV_ASSERT(leaf_count_ == other.leaf_count_);
  for (uint32_t leaf = 0; leaf < other.leaves_.size(); ++leaf) add(leaf, other.sum(leaf));
}

LeafSum MerkleTree::sum(uint32_t leaf) const {
  KV_ASSERT(leaf < leaf_count_);
  return leaves_.empty() ? LeafSum{} : LeafSum{leaves_[leaf], counts_[leaf]};
}

unsigned MerkleTree::depth() const {
  return (kLeafBits - partition_bits_ + kBitsPerLevel - 1) / kBitsPerLevel;
}

uint32_t MerkleTree::node_count(unsigned level) const {
  KV_ASSERT(level <= depth());
  const unsigned shift = kBitsPerLevel * (depth() - level);
  return static_cast<uint32_t>((uint64_t{leaf_count_} + (uint64_t{1} << shift) - 1) >> shift);
}

uint64_t MerkleTree::node(unsigned level, uint32_t index) const {
  KV_ASSERT(index < node_count(level));
  if (leaves_.empty()) return 0;
  if (level == depth()) return leaves_[index];
  std::array<uint64_t, kChildren> children{};
  const uint32_t first = index * kChildren;
  const uint32_t end = std::min(first + kChildren, node_count(level + 1));
  for (uint32_t child = first; child < end; ++child) {
    children[child - first] = node(level + 1, child);
  }
  const bool nothing =
      std::all_of(children.begin(), children.end(), [](uint64_t hash) { return hash == 0; });
  return nothing ? 0 : hash_of_words(children);
}

uint64_t MerkleTree::root() const {
  return node(0, 0);
}

std::vector<std::pair<uint32_t, uint64_t>> MerkleTree::leaves() const {
  std::vector<std::pair<uint32_t, uint64_t>> found;
  for (uint32_t i = 0; i < leaves_.size(); ++i) {
    if (leaves_[i] != 0) found.emplace_back(i, leaves_[i]);
  }
  return found;
}

bool MerkleTree::operator==(const MerkleTree& other) const {
  if (leaf_count_ != other.leaf_count_) return false;
  if (leaves_.empty() == other.leaves_.empty())
    return leaves_ == other.leaves_ && counts_ == other.counts_;
  for (uint32_t leaf = 0; leaf < leaf_count_; ++leaf) {
    if (sum(leaf) != other.sum(leaf)) return false;
  }
  return true;
}

uint64_t MerkleTree::memory_bytes() const {
  return sizeof(*this) + leaves_.capacity() * sizeof(uint64_t) +
         counts_.capacity() * sizeof(uint16_t);
}

uint64_t leaf_hash(KeyspaceId keyspace, BytesView key, const Hash128& record_digest) {
  return hash_of_words(std::array{token_of(keyspace, key), uint64_t{keyspace}, record_digest.high,
                                  record_digest.low});
}

}  // namespace kv
