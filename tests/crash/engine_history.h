// What an engine was told, batch by batch, and what it must therefore hold: the model that engines
// are compared with, after a crash too.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"

namespace kv {

using EngineState = std::map<std::string, std::string>;

class EngineHistory {
 public:
  void add(Sequence last, const WriteBatch& batch) { batches_.push_back({last, batch, {}}); }
  void add(Sequence last, const KeyRange& dropped) { batches_.push_back({last, {}, dropped}); }
  /// Forgets what did not survive.
  void cut(Sequence last) {
    while (!batches_.empty() && batches_.back().last > last) batches_.pop_back();
  }
  Sequence last() const { return batches_.empty() ? 0 : batches_.back().last; }
  /// The pairs after sequence `last`, or nothing if that lies inside a batch.
  std::optional<EngineState> state_at(Sequence last) const {
    EngineState state;
    Sequence reached = 0;
    for (const auto& [sequence, batch, dropped] : batches_) {
      if (sequence > last) break;
      dropped ? apply(state, *dropped) : apply(state, batch);
      reached = sequence;
    }
    if (reached != last) return std::nullopt;
    return state;
  }
  static void apply(EngineState& state, const WriteBatch& batch) {
    WriteBatch::for_each(batch.encoded(), [&state](const WriteBatch::Operation& operation) {
      if (operation.is_put) {
        state[std::string(operation.key)] = operation.value;
      } else {
        state.erase(std::string(operation.key));
      }
    });
  }

  static void apply(EngineState& state, const KeyRange& dropped) {
    const auto end = dropped.to.empty() ? state.end() : state.lower_bound(dropped.to);
    state.erase(state.lower_bound(dropped.from), end);
  }

 private:
  struct Step {
    Sequence last;
    WriteBatch batch;
    std::optional<KeyRange> dropped;  // In place of a batch.
  };
  std::vector<Step> batches_;
};

/// All pairs of the engine in `range`, in the order of the walk; an error ends it.
inline Result<std::vector<std::pair<std::string, std::string>>> pairs_of(Engine& engine,
                                                                         const KeyRange& range = {},
                                                                         bool reverse = false) {
  std::vector<std::pair<std::string, std::string>> pairs;
  const auto iterator = engine.iterate(range, reverse);
  for (; iterator->valid(); iterator->next())
    pairs.emplace_back(iterator->key(), iterator->value());
  KV_TRY(iterator->status());
  return pairs;
}

inline Result<EngineState> state_of(Engine& engine) {
  KV_ASSIGN(const auto pairs, pairs_of(engine));
  return EngineState(pairs.begin(), pairs.end());
}

}  // namespace kv
