// Read, change and write of one key as one step, in the order in which they were asked for.
//
// A step is handed what its key holds and may write it before it returns; nothing comes between.
// Where the answer needs the disk, only that key is parked: its later steps queue behind it, all
// other keys go on. Every write to a record goes through here; reads do not.
//
//   run(k1, a)   on disk: parked     ┐ get(k1) …            … done: a, then b
//   run(k2, c)   in memory: c runs   │
//   run(k1, b)   behind a            ┘
//
// Lives on the loop's thread. The engine must outlive it; answers of the engine that come after its
// end are dropped.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "libkv/storage/engine.h"

namespace kv {

class KeyTurns {
 public:
  /// corrupt, io: what the key holds is not known (never "absent").
  using Step = std::function<void(Result<Lookup>)>;

  KeyTurns(Engine& engine, size_t parked_max);
  KeyTurns(const KeyTurns&) = delete;
  KeyTurns& operator=(const KeyTurns&) = delete;

  /// What the key holds, if nobody is before the caller and no disk is needed: the caller's turn
  /// is now, until it returns to the loop. Else nothing: use run().
  std::optional<Result<Lookup>> at_once(const std::string& key);
  /// Runs the step now or later. False if too many are parked: the step is dropped.
  bool run(const std::string& key, Step step);

  size_t parked() const { return parked_; }
  /// How many were ever parked.
  uint64_t parked_total() const { return parked_total_; }

 private:
  void begin_get(const std::string& key);
  void continue_with(const std::string& key, Result<Lookup> found);

  Engine& engine_;
  const size_t parked_max_;
  // Never iterated. A key with an entry is being read, or runs a step right now.
  std::unordered_map<std::string, std::deque<Step>> queues_;
  size_t parked_ = 0;
  uint64_t parked_total_ = 0;
  // What the engine's completions look at, to know whether this object still lives.
  std::shared_ptr<KeyTurns*> self_;
};

}  // namespace kv
