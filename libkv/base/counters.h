// Counters by name, as kv-status and the metrics show them: what only grows, and gauges that are
// set. A daemon owns one registry; who counts keeps a reference to its counter.
//
// Threading: a Counter may be changed and read by any thread. Registering and visiting belong to
// the thread that owns the registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace kv {

class Counter {
 public:
  // Relaxed: a counter says how much there was, never that something else has happened.
  void add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  void set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Counters {
 public:
  /// The counter of that name, made at its first use. The reference lives as long as the registry.
  Counter& of(std::string_view name) {
    const auto found = counters_.find(name);
    if (found != counters_.end()) return found->second;
    return counters_[std::string(name)];
  }

  /// In the order of the names.
  void for_each(const std::function<void(const std::string& name, uint64_t value)>& visit) const {
    for (const auto& [name, counter] : counters_) visit(name, counter.value());
  }

 private:
  std::map<std::string, Counter, std::less<>> counters_;
};

}  // namespace kv
