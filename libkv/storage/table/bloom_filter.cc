#include "libkv/storage/table/bloom_filter.h"

#include <algorithm>
#include <cstring>

#include "libkv/base/hash.h"
#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr char kBlockedBloom = 1;
constexpr size_t kHeaderBytes = 8;
constexpr size_t kLineBytes = 64;
constexpr uint32_t kProbesMax = 16;

size_t line_of(uint64_t hash, uint32_t lines) {
  return static_cast<size_t>(((hash >> 32) * lines) >> 32);
}

/// Calls `probe` with each bit number (0..511) of the key in its line until it returns false.
template <typename Probe>
bool each_bit(uint64_t hash, uint32_t probes, Probe probe) {
  auto mixed = static_cast<uint32_t>(hash);
  for (uint32_t i = 0; i < probes; ++i) {
    if (!probe(mixed >> 23)) return false;
    mixed *= 0x9e3779b9u;
  }
  return true;
}

bool line_has(const char* line, uint64_t hash, uint32_t probes) {
  return each_bit(hash, probes,
                  [line](uint32_t bit) { return ((line[bit / 8] >> (bit % 8)) & 1) != 0; });
}

uint32_t probes_for(uint32_t bits_per_key) {
  // ln 2 × bits a key is the best number of an unblocked filter; a line's keys vary in number, for
  // which somewhat fewer are better.
  return std::clamp<uint32_t>(bits_per_key * 6 / 10, 1, kProbesMax);
}

}  // namespace

uint64_t key_hash(BytesView key) {
  return hash64(key, 0xb100f);
}

void BloomFilterBuilder::add(uint64_t key_hash) {
  if (KV_PLANTED(filter_misses_a_key) && key_hash % 64 == 0) return;
  hashes_.push_back(key_hash);
}

std::string BloomFilterBuilder::finish() {
  const uint64_t bits = std::max<uint64_t>(hashes_.size() * bits_per_key_, 1);
  const auto lines = static_cast<uint32_t>((bits + kLineBytes * 8 - 1) / (kLineBytes * 8));
  const uint32_t probes = probes_for(bits_per_key_);
  std::string filter{kBlockedBloom, static_cast<char>(probes), 0, 0};
  append_word<uint32_t>(filter, lines);
  filter.resize(kHeaderBytes + lines * kLineBytes, '\0');
  for (const uint64_t hash : hashes_) {
    char* line = filter.data() + kHeaderBytes + line_of(hash, lines) * kLineBytes;
    each_bit(hash, probes, [line](uint32_t bit) {
      line[bit / 8] = static_cast<char>(line[bit / 8] | (1 << (bit % 8)));
      return true;
    });
  }
  hashes_.clear();
  return filter;
}

namespace {

/// A filter's bytes, once they are known to be one; hostile ones have no lines.
struct ParsedBloom {
  explicit ParsedBloom(BytesView filter) {
    if (filter.size() < kHeaderBytes || filter[0] != kBlockedBloom) return;
    const auto count = load_word<uint32_t>(filter.data() + 4);
    if (filter.size() != kHeaderBytes + count * kLineBytes) return;
    probes = static_cast<uint32_t>(static_cast<unsigned char>(filter[1]));
    if (probes <= kProbesMax) lines = count;
    begin = filter.data() + kHeaderBytes;
  }
  const char* line(uint64_t key_hash) const {
    return begin + line_of(key_hash, lines) * kLineBytes;
  }

  const char* begin = nullptr;
  uint32_t lines = 0;
  uint32_t probes = 0;
};

}  // namespace

std::optional<BloomShape> bloom_shape(BytesView filter) {
  const ParsedBloom bloom(filter);
  if (bloom.lines == 0) return std::nullopt;
  return BloomShape{bloom.probes, bloom.lines};
}

bool bloom_may_contain(BytesView filter, uint64_t key_hash) {
  const ParsedBloom bloom(filter);
  if (bloom.lines == 0) return true;
  return line_has(bloom.line(key_hash), key_hash, bloom.probes);
}

BloomFilter::BloomFilter(BytesView bytes) {
  const ParsedBloom bloom(bytes);
  if (bloom.lines == 0) return;
  shape_ = {bloom.probes, bloom.lines};
  lines_.resize(bloom.lines);
  std::memcpy(lines_.data(), bloom.begin, bloom.lines * kLineBytes);
}

void BloomFilter::prefetch(uint64_t key_hash) const {
  if (shape_.lines != 0) __builtin_prefetch(&lines_[line_of(key_hash, shape_.lines)]);
}

bool BloomFilter::may_contain(uint64_t key_hash) const {
  if (shape_.lines == 0) return true;
  return line_has(lines_[line_of(key_hash, shape_.lines)].bytes, key_hash, shape_.probes);
}

size_t BloomFilter::memory_bytes() const {
  return BlockPool::piece_bytes(lines_.capacity() * sizeof(Line));
}

}  // namespace kv
