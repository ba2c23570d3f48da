#include "tests/bench/engines/dataset.h"

#include <algorithm>
#include <cstring>
#include <new>

#include <sys/mman.h>

#include "libkv/base/assert.h"

namespace kv::bench {

namespace {

constexpr size_t kChunkBytes = 1024;
constexpr size_t kWordBytes = sizeof(uint64_t);

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

uint64_t number_hash(uint64_t number) {
  return mix(number + 0x9e3779b97f4a7c15);
}

/// The random bytes of one value, in order.
class RandomBytes {
 public:
  RandomBytes(uint64_t number, Version version) : state_(number_hash(number) ^ version) {}
  void fill(char* into, size_t bytes) {
    for (; bytes >= kWordBytes; bytes -= kWordBytes, into += kWordBytes) write(into, kWordBytes);
    if (bytes > 0) write(into, bytes);
  }

 private:
  /// The first word is the number's hash and the version, and so can be taken apart again.
  void write(char* into, size_t bytes) {
    const uint64_t word = first_ ? state_ : mix(state_);
    first_ = false;
    state_ += 0x9e3779b97f4a7c15;
    std::memcpy(into, &word, bytes);
  }
  uint64_t state_;
  bool first_ = true;
};

size_t half_of(size_t chunk_bytes) {
  return (chunk_bytes + 1) / 2;
}

bool repeats(BytesView chunk) {
  const size_t half = half_of(chunk.size());
  return chunk.substr(0, chunk.size() - half) == chunk.substr(half);
}

}  // namespace

Key::Key(uint64_t number, bool missing) {
  uint64_t rest = number * 2 + (missing ? 1 : 0);
  for (size_t i = kKeyBytes; i-- > 0; rest /= 10) digits_[i] = static_cast<char>('0' + rest % 10);
}

void Key::advance() {
  // Two more: a carry comes from a last digit of 8 or 9.
  size_t at = kKeyBytes - 1;
  digits_[at] = static_cast<char>(digits_[at] + 2);
  for (; digits_[at] > '9' && at > 0; --at) {
    digits_[at] = static_cast<char>(digits_[at] - 10);
    digits_[at - 1] = static_cast<char>(digits_[at - 1] + 1);
  }
}

Dataset::Dataset(uint64_t keys, size_t value_bytes) : keys_(keys), value_bytes_(value_bytes) {
  KV_ASSERT(keys > 0 && value_bytes >= kValueBytesMin);
  while (half_bits_ < 32 && (uint64_t{1} << (2 * half_bits_)) < keys) ++half_bits_;
  void* const memory = mmap(nullptr, keys * sizeof(*versions_), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  KV_ASSERT(memory != MAP_FAILED);
  // Zero bytes are what the atomics begin with.
  versions_ = static_cast<std::atomic<Version>*>(memory);
  static_assert(std::atomic<Version>::is_always_lock_free);
}

Dataset::~Dataset() {
  munmap(static_cast<void*>(versions_), keys_ * sizeof(*versions_));
}

// A Feistel network over twice half_bits_ bits, walked until it lands among the numbers.
uint64_t Dataset::shuffled(uint64_t index) const {
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t number = index;
  do {
    uint64_t left = number >> half_bits_, right = number & mask;
    for (uint64_t round = 1; round <= 4; ++round) {
      const uint64_t next = left ^ (mix(right + (round << 32)) & mask);
      left = right;
      right = next;
    }
    number = (left << half_bits_) | right;
  } while (number >= keys_);
  return number;
}

Version Dataset::issue(uint64_t number) {
  const Version next = versions_[number].load(std::memory_order_relaxed) + 1;
  versions_[number].store(next, std::memory_order_release);
  return next;
}

Version Dataset::issued(uint64_t number) const {
  return versions_[number].load(std::memory_order_acquire);
}

void Dataset::forget_all() {
  for (uint64_t number = 0; number < keys_; ++number)
    versions_[number].store(0, std::memory_order_relaxed);
}

void Dataset::compose(uint64_t number, Version version, char* into) const {
  RandomBytes random(number, version);
  for (size_t left = value_bytes_; left > 0;) {
    const size_t bytes = std::min(left, kChunkBytes), half = half_of(bytes);
    random.fill(into, half);
    std::memcpy(into + half, into, bytes - half);
    into += bytes;
    left -= bytes;
  }
}

std::optional<Version> Dataset::version_of(uint64_t number, BytesView value, bool quickly) const {
  if (value.size() != value_bytes_) return std::nullopt;
  uint64_t word = 0;
  std::memcpy(&word, value.data(), kWordBytes);
  word ^= number_hash(number);
  if (word == 0 || word > ~Version{0}) return std::nullopt;
  const auto version = static_cast<Version>(word);
  const bool right =
      quickly ? repeats(value.substr(0, kChunkBytes)) : is_whole(number, version, value);
  return right ? std::optional(version) : std::nullopt;
}

bool Dataset::is_whole(uint64_t number, Version version, BytesView value) {
  RandomBytes random(number, version);
  for (; !value.empty(); value.remove_prefix(std::min(value.size(), kChunkBytes))) {
    const BytesView chunk = value.substr(0, kChunkBytes);
    char expected[kChunkBytes / 2];
    const size_t half = half_of(chunk.size());
    random.fill(expected, half);
    if (std::memcmp(chunk.data(), expected, half) != 0 || !repeats(chunk)) return false;
  }
  return true;
}

Status Dataset::check(uint64_t number, const BytesView* value, Version first, Version last) const {
  const auto wrong = [&](const std::string& what) {
    const std::string wanted = last == 0 ? "nothing"
                                         : "version " + std::to_string(first) +
                                               (first == last ? "" : " to " + std::to_string(last));
    return fail(ErrorKind::corrupt, "key " + std::string(Key(number).view()) + ": " + what +
                                        " was read, not " + wanted);
  };
  if (value == nullptr) return first == 0 ? Status() : wrong("nothing");
  const auto version = version_of(number, *value);
  if (!version) return wrong("what was never written");
  if (*version < first || *version > last) return wrong("version " + std::to_string(*version));
  return {};
}

}  // namespace kv::bench
