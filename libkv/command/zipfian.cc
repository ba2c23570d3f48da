#include "libkv/command/zipfian.h"

#include <algorithm>
#include <cmath>

#include "libkv/base/assert.h"
#include "libkv/base/hash.h"

namespace kv {

Zipfian::Zipfian(uint64_t items, double theta) : theta_(theta) {
  KV_ASSERT(items > 0 && theta > 0 && theta < 1);
  set(items);
}

void Zipfian::grow(uint64_t items) {
  KV_ASSERT(items >= items_);
  if (items > items_) set(items);
}

void Zipfian::set(uint64_t items) {
  for (uint64_t i = items_ + 1; i <= items; ++i) zeta_ += std::pow(static_cast<double>(i), -theta_);
  items_ = items;
  const double zeta_of_two = 1 + std::pow(2.0, -theta_);
  // With two items or fewer next() never comes so far as to need it.
  eta_ = items <= 2 ? 0
                    : (1 - std::pow(2.0 / static_cast<double>(items), 1 - theta_)) /
                          (1 - zeta_of_two / zeta_);
}

uint64_t Zipfian::next(Random& random) const {
  const double u = random.unit();
  const double scaled = u * zeta_;
  if (scaled < 1 || items_ == 1) return 0;
  if (scaled < 1 + std::pow(0.5, theta_) || items_ == 2) return 1;
  const double rank = static_cast<double>(items_) * std::pow(eta_ * u - eta_ + 1, 1 / (1 - theta_));
  return std::min(static_cast<uint64_t>(rank), items_ - 1);
}

uint64_t scattered(uint64_t rank, uint64_t items) {
  KV_ASSERT(items > 0);
  return hash64(BytesView(reinterpret_cast<const char*>(&rank), sizeof(rank))) % items;
}

}  // namespace kv
