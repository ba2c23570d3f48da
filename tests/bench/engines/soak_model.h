// What each key must hold, in a few bytes a key, while it is written, and after a crash took back
// what was not durable. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "libkv/storage/engine.h"
#include "tests/bench/engines/dataset.h"

namespace kv::bench {

class SoakModel {
 public:
  SoakModel(uint64_t keys, size_t value_bytes)
      : dataset_(keys, value_bytes), held_(keys, 0), value_(value_bytes, '\0') {}

  uint64_t keys() const { return held_.size(); }
  Version held(uint64_t number) const { return held_[number]; }

  /// The value of the number's next version, until the next call.
  BytesView next_value(uint64_t number) {
    next_ = dataset_.issue(number);
    dataset_.compose(number, next_, value_.data());
    return value_;
  }
  /// That value was written, or the key removed, as operation `sequence`.
  void note_put(uint64_t number, Sequence sequence) { change(number, next_, sequence); }
  void note_removal(uint64_t number, Sequence sequence) { change(number, 0, sequence); }

  void note_durable(Sequence sequence) {
    while (!open_.empty() && open_.front().sequence <= sequence) open_.pop_front();
  }
  /// A crash: what came after is as if it had never been. Returns how many changes that was.
  uint64_t cut(Sequence last) {
    uint64_t count = 0;
    for (; !open_.empty() && open_.back().sequence > last; open_.pop_back(), ++count)
      set(open_.back().number, open_.back().before);
    open_.clear();
    return count;
  }

  /// Ok if `value` (null: nothing) is what the key held when it was `expected`.
  Status check(uint64_t number, const BytesView* value, Version expected) const {
    return dataset_.check(number, value, expected, expected);
  }

 private:
  struct Change {
    Sequence sequence;
    uint64_t number;
    Version before;
  };
  void change(uint64_t number, Version version, Sequence sequence) {
    open_.push_back({sequence, number, held_[number]});
    set(number, version);
  }
  void set(uint64_t number, Version version) { held_[number] = version; }

  Dataset dataset_;
  std::vector<Version> held_;  // 0: nothing.
  std::deque<Change> open_;    // Not known to be durable, in the order of their sequences.
  std::string value_;
  Version next_ = 0;
};

}  // namespace kv::bench
