// One run of an engine on a recording disk: what it did to the disk, what it was told, and what it
// acknowledged after which operation. By the seed, a run is a plain one, or one whose disk fills up
// and has room again, or one whose metadata commits are refused now and then.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "tests/crash/checkpoint_copy.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/prepared_table.h"
#include "tests/crash/storage_world.h"

namespace kv {

struct RunCounts {
  uint64_t operations = 0, batches = 0, flushes = 0, compactions = 0, refused = 0;
  uint64_t waits_for_room = 0, commits_refused = 0, drops = 0, checkpoints = 0, ingests = 0;
};

class RecordedRun {
 public:
  static constexpr uint64_t kKeys = 120;
  static std::string key(uint64_t n) { return "k" + std::to_string(n); }

  RecordedRun(uint64_t seed, EngineType engine, MetaType meta)
      : random_(seed),
        trouble_(trouble_of(seed, meta)),
        steps_min_(meta == MetaType::sqlite ? 20 : 40),
        engine_(engine),
        makes_copies_(meta == MetaType::sqlite),
        synced_of_16_(random_.chance(0.3) ? 1 : 8),
        world_(seed, engine, meta) {
    world_.vary(seed);
  }

  /// Nothing, or why the run could not be made.
  std::optional<std::string> record() {
    world_.disk.record(true);
    if (const Status opened = open(); !opened) return opened.error().what;
    for (uint64_t step = steps_min_ + random_.below(4 * steps_min_); step > 0; --step) {
      make_trouble();
      for (uint64_t i = batches_together(); i > 0 && write(); --i) {
      }
      if (makes_copies_ && random_.below(20) == 0) copy();
      if (random_.below(25) == 0) ingest();
      for (uint64_t i = random_.below(6); i > 0; --i) world_.scheduler.run_one();
      if (random_.below(25) == 0) tidy();
      if (random_.below(80) != 0) continue;
      if (const Status opened = reopen(); !opened) return opened.error().what;
    }
    if (random_.chance(0.5)) world_.run_until_idle();
    count_engine();
    counts_.operations = world_.disk.trace().size();
    counts_.waits_for_room = world_.log.count("log_waits_for_room");
    return std::nullopt;
  }

  size_t operations() const { return world_.disk.trace().size(); }
  /// A checkpoint that was asked for. Their metadata is on the disk: in SQLite.
  struct Copy {
    CheckpointCopy checkpoint;
    EngineState expected;
    EngineState with_pending;  ///< With an ingest that was not over.
    size_t done = SIZE_MAX;    ///< After so many operations it was said to be there.
  };
  const std::deque<Copy>& copies() const { return copies_; }
  const EngineHistory& history() const { return history_; }
  const RunCounts& counts() const { return counts_; }
  /// The sequence that had been acknowledged as durable by then; that a commit of metadata at just
  /// that moment has made so is meant too if `latest_meta`.
  Sequence promised_at(size_t operations, bool latest_meta) const {
    Sequence promised = 0;
    for (const Acknowledgement& ack : acknowledged_)
      if (ack.operations < operations || (latest_meta && ack.operations == operations))
        promised = std::max(promised, ack.durable);
    return promised;
  }
  /// The power fails after so many operations. Cheapest in rising order.
  DiskImage disk_at(size_t operations, CrashPolicy policy, Random& random) {
    return world_.disk.state_after(operations, policy, random);
  }
  const MetaRows& meta_at(size_t operations, bool latest) const {
    return world_.meta->rows_at(operations, latest);
  }

 private:
  enum class Trouble { none, full_disk, refused_commits };
  struct Acknowledgement {
    size_t operations;
    Sequence durable;
  };

  /// The commits of SQLite are refused by the full disk.
  static Trouble trouble_of(uint64_t seed, MetaType meta) {
    if (seed % 3 == 2 && meta == MetaType::sqlite) return Trouble::full_disk;
    return static_cast<Trouble>(seed % 3);
  }

  Status open() {
    world_.disk.set_capacity(std::nullopt);
    KV_TRY(world_.open());
    world_.engine->on_durable([this](Result<Sequence> durable) {
      if (durable) acknowledged_.push_back({operations(), *durable});
    });
    return {};
  }

  Status reopen() {
    count_engine();
    if (random_.chance(0.5) && world_.engine->close())
      acknowledged_.push_back({operations(), history_.last()});
    KV_TRY(open());
    history_.cut(world_.engine->recovery().last_sequence);
    if (!history_.has_pending_ingest()) return {};
    KV_ASSIGN(const EngineState state, state_of(*world_.engine));
    settle_ingest(state == *history_.state_at(history_.last(), true));
    return {};
  }

  void make_trouble() {
    if (trouble_ == Trouble::refused_commits && random_.below(8) == 0) {
      world_.meta->refuse_nth_commit(1 + random_.below(3),
                                     random_.chance(0.5) ? ErrorKind::no_space : ErrorKind::busy);
      ++counts_.commits_refused;
    }
    if (trouble_ != Trouble::full_disk || random_.below(8) != 0) return;
    if (random_.chance(0.5)) {
      world_.disk.set_capacity(world_.disk.image().used_bytes() + random_.below(5'000));
    } else {
      world_.disk.set_capacity(std::nullopt);
    }
  }

  void settle_ingest(bool is_in) {
    counts_.ingests += is_in;
    history_.settle_ingest(is_in ? EngineHistory::Ingested::in : EngineHistory::Ingested::out,
                           operations());
  }
  /// Of one table, over a part of the keys or many of them.
  void ingest() {
    if (history_.has_pending_ingest()) return;
    EngineState pairs;
    for (uint64_t i = random_.below(40) + 1; i > 0; --i)
      pairs[key(random_.below(kKeys))] = random_value();
    const std::string path = "made/" + std::to_string(++made_) + ".sst";
    if (!prepare_table(world_, path, pairs)) return;
    const auto is_taken = std::make_shared<bool>(false);
    world_.engine->ingest({path}, [this, is_taken](Result<Sequence> done) {
      if (*is_taken) settle_ingest(done.has_value());
    });
    // A refused one takes no sequence; one in memory as many as there are pairs.
    const Sequence at = world_.engine->snapshot()->sequence();
    if (at <= history_.last()) return;
    history_.add_ingest(at, std::move(pairs));
    if (engine_ == EngineType::lsm) {
      *is_taken = true;
    } else {
      // It is a batch: visible at once, and as durable as one.
      ++counts_.ingests;
      history_.settle_ingest(EngineHistory::Ingested::in);
    }
  }

  void copy() {
    if (copies_.size() == 5) return;
    Copy& copy = copies_.emplace_back(Copy{CheckpointCopy("copy" + std::to_string(copies_.size())),
                                           *history_.state_at(history_.last()),
                                           *history_.state_at(history_.last(), true)});
    copy.checkpoint.ask_for(world_, [this, &copy](const Result<Sequence>& done) {
      if (!done) return;
      copy.done = operations();
      ++counts_.checkpoints;
    });
  }

  /// Sometimes so many that their group needs more than one segment of the log, of which the first
  /// may find room and the second none.
  uint64_t batches_together() {
    return trouble_ == Trouble::full_disk && random_.below(15) == 0 ? 80 : 1;
  }

  /// False: it was refused.
  bool write() {
    if (random_.below(25) == 0) return drop();
    WriteBatch batch;
    for (uint64_t i = random_.below(4) + 1; i > 0; --i) {
      if (random_.below(4) == 0) {
        batch.remove(key(random_.below(kKeys)));
      } else {
        batch.put(key(random_.below(kKeys)), random_value());
      }
    }
    const auto last = world_.engine->apply(batch, random_durability());
    if (!last) {
      wait();
      return false;
    }
    history_.add(*last, batch);
    ++counts_.batches;
    return true;
  }
  Durability random_durability() {
    if (random_.below(16) < synced_of_16_) return Durability::always;
    return random_.chance(0.5) ? Durability::interval : Durability::none;
  }
  /// A range of keys: narrow, wide, or all from a key on.
  bool drop() {
    const uint64_t width = random_.chance(0.7) ? random_.below(12) : random_.below(kKeys);
    KeyRange range{key(random_.below(kKeys)), ""};
    if (random_.below(12) != 0) range.to = range.from + static_cast<char>('0' + width % 10);
    if (width > 10) range.to = key(random_.below(kKeys));
    if (!range.to.empty() && range.to <= range.from) std::swap(range.from, range.to);
    const auto last = world_.engine->drop_range(range, Durability::always);
    if (!last) {
      wait();
      return false;
    }
    // An empty range is nothing to do.
    if (*last != history_.last()) history_.add(*last, range);
    ++counts_.drops;
    return true;
  }
  std::string random_value() {
    return std::to_string(random_.next()) +
           std::string(random_.below(random_.below(12) == 0 ? 4000 : 90), 'x');
  }
  /// Until it is worth trying again: what has no room is tried by the clock.
  void wait() {
    ++counts_.refused;
    world_.run_until_idle();
    world_.scheduler.run_until(world_.scheduler.now() + 1s);
  }

  /// Nothing is written for a while.
  void tidy() {
    for (uint64_t i = random_.below(12); i > 0; --i) {
      world_.scheduler.run_until(world_.scheduler.now() + 3s);
      world_.engine->on_tick(world_.scheduler.now());
      for (uint64_t steps = random_.below(8); steps > 0; --steps) world_.scheduler.run_one();
    }
  }

  void count_engine() {
    counts_.flushes += world_.engine->stats().flushes;
    counts_.compactions += world_.engine->stats().compactions;
  }

  Random random_;
  const Trouble trouble_;
  const uint64_t steps_min_;  // Fewer with SQLite, each of whose commits is dozens of operations.
  const EngineType engine_;
  const bool makes_copies_;
  const uint64_t synced_of_16_;  // Batches: half, or so few that segments fill between two syncs.
  int made_ = 0;
  std::deque<Copy> copies_;
  StorageWorld world_;
  EngineHistory history_;
  std::vector<Acknowledgement> acknowledged_;
  RunCounts counts_;
};

}  // namespace kv
