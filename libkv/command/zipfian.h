// Numbers that are drawn as people draw keys: few very often, most hardly ever.
//
// Item i of n is drawn with a probability in proportion to 1/(i+1)^theta. Drawn in constant time by
// the inversion of Gray, Sundaresan, Englert, Baclawski and Weinberger, "Quickly Generating
// Billion-Record Synthetic Databases" (SIGMOD 1994, section 3), as YCSB does (Cooper et al.,
// "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010), with theta 0.99.
//
// Construction sums n terms; growing sums the new ones only. Pure. Not thread-safe.
#pragma once

#include <cstdint>

#include "libkv/base/random.h"

namespace kv {

class Zipfian {
 public:
  /// REQUIRES: items > 0, 0 < theta < 1.
  explicit Zipfian(uint64_t items, double theta = 0.99);

  /// Below items(); 0 is the most frequent.
  uint64_t next(Random& random) const;
  uint64_t items() const { return items_; }
  /// From now on among more. REQUIRES: items >= items().
  void grow(uint64_t items);

 private:
  void set(uint64_t items);

  const double theta_;
  uint64_t items_ = 0;
  double zeta_ = 0;  // The sum of 1/i^theta over i = 1…items_.
  double eta_ = 0;
};

/// Spreads ranks over [0, items), so that the frequent ones are no neighbours. Two ranks may meet
/// in one place, as in YCSB. REQUIRES: items > 0.
uint64_t scattered(uint64_t rank, uint64_t items);

}  // namespace kv
