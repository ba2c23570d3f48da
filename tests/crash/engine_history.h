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
  /// What became of an ingest, as far as its caller knows.
  enum class Ingested { pending, in, out };

  void add(Sequence last, const WriteBatch& batch) { batches_.push_back({last, batch, {}, {}}); }
  void add(Sequence last, const KeyRange& dropped) { batches_.push_back({last, {}, dropped, {}}); }
  /// It is pending; there is no other that is.
  void add_ingest(Sequence at, EngineState pairs) {
    batches_.push_back({at, {}, {}, Ingest{std::move(pairs), Ingested::pending}});
  }
  void settle_ingest(Ingested became, size_t told = 0) {
    for (Step& step : batches_)
      if (step.ingest && step.ingest->became == Ingested::pending) {
        step.ingest->became = became;
        step.ingest->told = told;
      }
  }
  bool has_pending_ingest() const {
    for (const Step& step : batches_)
      if (step.ingest && step.ingest->became == Ingested::pending) return true;
    return false;
  }
  /// As it was known when only what was told before `told` was: later answers are pending again.
  EngineHistory known_before(size_t told) const {
    EngineHistory then = *this;
    for (Step& step : then.batches_)
      if (step.ingest && step.ingest->told > told) step.ingest->became = Ingested::pending;
    return then;
  }
  /// Forgets what did not survive.
  void cut(Sequence last) {
    while (!batches_.empty() && batches_.back().last > last) batches_.pop_back();
  }
  Sequence last() const { return batches_.empty() ? 0 : batches_.back().last; }
  /// The pairs after sequence `last`, or nothing if that lies inside a batch.
  std::optional<EngineState> state_at(Sequence last, bool with_pending = false) const {
    EngineState state;
    Sequence reached = 0;
    for (const auto& [sequence, batch, dropped, ingest] : batches_) {
      if (sequence > last) break;
      dropped ? apply(state, *dropped) : apply(state, batch);
      const bool is_in = ingest && (ingest->became == Ingested::in ||
                                    (with_pending && ingest->became == Ingested::pending));
      if (is_in)
        for (const auto& [key, value] : ingest->pairs) state[key] = value;
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
  struct Ingest {
    EngineState pairs;
    Ingested became = Ingested::pending;
    size_t told = 0;
  };
  struct Step {
    Sequence last;
    WriteBatch batch;
    std::optional<KeyRange> dropped;  // In place of a batch.
    std::optional<Ingest> ingest;     // The same.
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
