// Seeded random numbers: every choice that protocols or tests make by chance comes from one of
// these, so that a seed repeats a run. xoshiro256** by Blackman and Vigna (2018), seeded by
// splitmix64 (Steele, Lea, Flood 2014). Not for secrets. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>

namespace kv {

class Random {
 public:
  using result_type = uint64_t;  // UniformRandomBitGenerator, for std::shuffle.
  explicit Random(uint64_t seed);

  uint64_t next();
  /// Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t below(uint64_t bound);
  /// True with probability `p`.
  bool chance(double p);
  /// Uniform in [0, 1).
  double unit();

  uint64_t operator()() { return next(); }
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace kv
