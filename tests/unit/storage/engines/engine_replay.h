// Replays a trace on an engine in a world of its own (storage_world.h) and compares all that the
// engine says with std::map; and, if there is another store beside it, that store's answers too.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libkv/base/random.h"
#include "tests/crash/checkpoint_copy.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"
#include "tests/unit/storage/engines/engine_trace.h"

namespace kv {

/// A store that is told what the engine is told, and must say the same. Powers do not fail while
/// there is one, and ingests are awaited.
class StoreBeside {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  /// Released with the last copy, before restart().
  using Snapshot = std::shared_ptr<const void>;

  virtual ~StoreBeside() = default;
  virtual void write(const WriteBatch& batch) = 0;
  virtual void drop(const KeyRange& range) = 0;
  virtual void ingest(const EngineState& pairs) = 0;
  virtual void flush() = 0;
  virtual void restart() = 0;
  virtual Snapshot snapshot() = 0;
  /// As of the snapshot; null: as of now.
  virtual std::vector<std::optional<std::string>> get(const std::vector<std::string>& keys,
                                                      const Snapshot& at) = 0;
  virtual Pairs walk(const KeyRange& range, bool is_reverse, const Snapshot& at) = 0;
};

/// What a replay, or several, came across: one that never flushes or merges would prove little.
struct ReplayCounts {
  uint64_t answers = 0, pairs = 0, many_on_disk = 0, snapshots_read = 0, walks = 0;
  uint64_t drops = 0, ingests = 0, checkpoints = 0, stops = 0, power_losses = 0;
  uint64_t flushes = 0, compactions = 0, levels = 0;

  void add(const ReplayCounts& other);
};

class EngineReplay {
 public:
  struct Options {
    EngineType type = EngineType::lsm;
    uint64_t memory_bytes = 0;      ///< The engine's budget; 0: more than it needs.
    StoreBeside* beside = nullptr;  ///< Empty.
  };
  explicit EngineReplay(const Options& options) : options_(options) {}

  /// Nothing, or the first thing that must not be. Once.
  std::optional<std::string> run(const EngineTrace& trace);
  const ReplayCounts& counts() const { return counts_; }

 private:
  using Pairs = StoreBeside::Pairs;
  using StatePtr = std::shared_ptr<const EngineState>;
  /// Reads that were not answered at once; `expected` is what there was when they began.
  struct PendingRead {
    std::vector<std::string> keys;
    StatePtr expected;
    bool is_over = false;
  };
  struct OpenWalk {
    std::unique_ptr<EngineIterator> walk;
    Pairs expected;
  };
  struct HeldSnapshot {
    std::shared_ptr<const EngineSnapshot> snapshot;
    StoreBeside::Snapshot beside;
    StatePtr expected;
  };
  /// A checkpoint that was asked for. An ingest that was not over is in it or not.
  struct Copy {
    CheckpointCopy checkpoint;
    StatePtr expected, with_pending;
    std::optional<bool> is_made;  ///< Absent: it is not over.
  };

  void tell(const command::Write& write);
  void tell(const command::Drop& drop);
  void tell(const command::Ingest& ingest);
  void tell(const command::Get& get);
  void tell(const command::GetMany& get);
  void tell(const command::BeginWalk& walk);
  void tell(const command::EndWalk&);
  void tell(const command::TakeSnapshot&);
  void tell(const command::ReadSnapshot& read);
  void tell(const command::ReleaseSnapshot& release);
  void tell(const command::Checkpoint&);
  void tell(const command::Sync&);
  void tell(const command::Work& work);
  void tell(const command::Rest& rest);
  void tell(const command::PageCache& cache);
  void tell(const command::CheckAll&);
  void tell(const command::StopAndOpen&);
  void tell(const command::LosePower& loss);

  void expect(bool holds, const std::string& problem);
  template <typename Outcome>
  bool succeeds(const Outcome& outcome, const char* what);
  void refused(const Error& error);
  EngineState& changing();
  StatePtr state_now();
  void open();
  void forget_readers();
  void settle_ingest(bool is_in);
  void settle_lost_ingest();
  std::shared_ptr<PendingRead> begin_read(std::vector<std::string> keys);
  void answer(PendingRead& read, const Engine::Lookups& lookups);
  void await(const PendingRead& read);
  void check_lookup(const std::string& key, const Result<Lookup>& lookup,
                    const EngineState& expected);
  void check_beside(const std::vector<std::string>& keys, const EngineState& expected,
                    const StoreBeside::Snapshot& at = nullptr);
  void check_walk(EngineIterator& walk, const Pairs& expected);
  void check_copy();
  void check_all();
  void count_engine();

  const Options options_;
  std::optional<StorageWorld> world_;
  EngineHistory history_;
  EngineState state_;  // What history_ comes to.
  StatePtr frozen_;    // The same, for who needs it as it is now; null: not made yet.
  Sequence acknowledged_ = 0;
  bool is_closing_ = false;
  std::vector<std::shared_ptr<PendingRead>> reads_;
  std::deque<OpenWalk> walks_;
  std::vector<HeldSnapshot> snapshots_;
  std::optional<Copy> copy_;
  uint64_t made_ = 0;  // Tables and checkpoints.
  std::optional<std::string> problem_;
  ReplayCounts counts_;
};

}  // namespace kv
