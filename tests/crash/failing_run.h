// One run of an engine in which a call fails: it writes, reads, ends and starts again; then the
// power fails too. It ends by a kill, then by a power cut, so that the calls of a recovery which
// must write are among those that fail, and at last in order. Errors are expected. A false
// acknowledgement, a false answer, or a loss is a problem.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "tests/crash/checkpoint_copy.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/prepared_table.h"
#include "tests/crash/storage_world.h"

namespace kv {

class FailingRun {
 public:
  FailingRun(EngineType engine, MetaType meta, uint64_t seed)
      : random_(seed),
        engine_(engine),
        world_(seed, engine, meta),
        makes_copies_(meta == MetaType::sqlite) {
    world_.vary(seed);
    // So tiny that a few dozen writes flush, merge and begin segments.
    world_.options.memtable_bytes = 2 << 10;
    world_.options.log_segment_bytes = 4 << 10;
  }

  /// What fails is set up in the world before.
  StorageWorld& world() { return world_; }
  /// Reads go on failing: what cannot be read is told as damage, rightly.
  void expect_alarms() { alarms_are_false_ = false; }
  /// The first thing that must not be; empty: none.
  const std::string& problem() const { return problem_; }
  /// Whether the engine told anybody that something failed.
  bool told() const { return told_; }
  uint64_t compactions() const { return compactions_; }
  /// Recoveries that had to write what they found.
  uint64_t rewrites() const { return rewrites_; }

  void work() {
    constexpr int kRounds = 3, kSteps = 24;
    for (int round = 0; round < kRounds; ++round) {
      if (!begin()) continue;
      for (int step = 0; step < kSteps; ++step) {
        write();
        read();
        for (uint64_t i = random_.below(4); i > 0; --i) world_.scheduler.run_one();
        // What waits for room tries again by the clock.
        if (step % 10 == 9) world_.scheduler.run_until(world_.scheduler.now() + 1s);
      }
      world_.run_until_idle();
      read();
      if (makes_copies_) copy(round);
      ingest(round);
      read();
      compactions_ += world_.engine->stats().compactions;
      end(round);
    }
  }

  /// What is there after the power failed in this way, and that the engine works again.
  void check(CrashPolicy policy) {
    world_.disk.faults().clear();
    world_.meta = std::make_unique<TracedMeta>(world_.disk, world_.meta->all());
    // The next process may have come so far that others build on what it found.
    if (random_.chance(0.5) && !begin()) return note("it does not open");
    world_.crash(policy, random_);
    const Status opened = world_.open();
    if (!opened) return note("open: " + opened.error().what);
    const RecoveryReport& report = world_.engine->recovery();
    if (!report.corruption.empty()) return note("false alarm: " + report.corruption[0].what);
    expect(report.last_sequence >= promised_, "what was acknowledged is gone");
    const auto expected = history_.state_at(report.last_sequence);
    if (!expected) return note("a batch was cut in two");
    const auto state = state_of(*world_.engine);
    const auto with_ingest = history_.state_at(report.last_sequence, true);
    expect(state && (*state == *expected || *state == *with_ingest),
           "what is there is not a prefix");
    check_copies();
    check_it_works();
  }

 private:
  void note(const std::string& problem) {
    if (problem_.empty()) problem_ = problem;
  }
  void expect(bool holds, const char* problem) {
    if (!holds) note(problem);
  }
  template <typename Outcome>
  bool succeeds(const Outcome& outcome) {
    if (!outcome) told_ = true;
    return static_cast<bool>(outcome);
  }

  bool begin() {
    const uint64_t writes = world_.disk.faults().calls(FaultKind::write);
    if (!succeeds(world_.open())) return false;
    if (world_.disk.faults().calls(FaultKind::write) > writes) ++rewrites_;
    if (!world_.engine->recovery().corruption.empty()) {
      told_ = true;
      expect(!alarms_are_false_, "a false alarm at open");
      return false;
    }
    history_.cut(world_.engine->recovery().last_sequence);
    if (!settle_ingest()) return false;
    promised_ = std::max(promised_, world_.engine->durable_sequence());
    expect(history_.last() >= promised_, "what was acknowledged is gone after a restart");
    failed_ = false;
    world_.engine->on_durable([this](Result<Sequence> durable) {
      expect(!failed_, "the listener was called again after the failure");
      failed_ = !succeeds(durable);
      if (durable) promised_ = *durable;
    });
    return true;
  }

  void end(int round) {
    switch (round % 3) {
      case 0:
        // What has no sync stays in the system, for the next process to find.
        write(Durability::none);
        world_.run_until_idle();
        return world_.end();
      case 1:
        return world_.crash(crash_policies()[random_.below(crash_policies().size())], random_);
      default:
        if (succeeds(world_.engine->close())) promised_ = history_.last();
    }
  }

  void write() {
    static constexpr Durability kChoices[] = {Durability::always, Durability::always,
                                              Durability::interval, Durability::none};
    write(kChoices[random_.below(4)]);
  }
  void write(Durability durability) {
    WriteBatch batch;
    batch.put(random_key(),
              std::string(random_.below(400), static_cast<char>('a' + ++serial_ % 26)));
    if (random_.below(3) == 0) batch.remove(random_key());
    const auto last = world_.engine->apply(batch, durability);
    if (failed_) expect(!last, "a batch was taken after the failure");
    if (succeeds(last)) history_.add(*last, batch);
    if (random_.below(12) == 0) drop();
  }

  void ingest(int round) {
    if (history_.has_pending_ingest()) return;
    EngineState pairs;
    for (int i = 0; i < 8; ++i) pairs[random_key()] = "ingested" + std::to_string(++serial_);
    const std::string path = "made/" + std::to_string(round) + ".sst";
    if (!succeeds(prepare_table(world_, path, pairs))) return;
    const auto done = std::make_shared<std::optional<Result<Sequence>>>();
    world_.engine->ingest({path}, [done](Result<Sequence> answer) { *done = answer; });
    // A refused one takes no sequence; one in memory is a batch, and visible at once.
    const Sequence at = world_.engine->snapshot()->sequence();
    if (at > history_.last()) history_.add_ingest(at, std::move(pairs));
    if (engine_ == EngineType::memory) history_.settle_ingest(EngineHistory::Ingested::in);
    world_.run_until_idle();
    if (!*done) {
      told_ = true;
      return expect(world_.log.count("log_waits_for_room") > 0, "an ingest is never over");
    }
    const Result<Sequence>& answer = **done;
    // After `io` it may be that the manifest has it, which the next open tells.
    if (succeeds(answer)) {
      history_.settle_ingest(EngineHistory::Ingested::in);
    } else if (answer.error().kind != ErrorKind::io) {
      history_.settle_ingest(EngineHistory::Ingested::out);
    }
  }
  bool settle_ingest() {
    if (!history_.has_pending_ingest()) return true;
    const auto state = state_of(*world_.engine);
    if (!succeeds(state)) return false;
    const bool is_in = *state == *history_.state_at(history_.last(), true);
    history_.settle_ingest(is_in ? EngineHistory::Ingested::in : EngineHistory::Ingested::out);
    return true;
  }

  void copy(int round) {
    copies_.push_back(
        {CheckpointCopy("copy" + std::to_string(round)), *history_.state_at(history_.last())});
    std::optional<Result<Sequence>> done;
    copies_.back().checkpoint.ask_for(world_, [&done](Result<Sequence> answer) { done = answer; });
    world_.run_until_idle();
    if (!done) return note("a checkpoint is never over");
    copies_.back().is_done = succeeds(*done);
  }
  void check_copies() {
    for (const Copy& copy : copies_) {
      const auto state = copy.checkpoint.open(world_);
      if (!state) return note(state.error().what);
      expect(*state || !copy.is_done, "a checkpoint that was done is gone");
      expect(!*state || **state == copy.expected, "a checkpoint is not as it was");
    }
  }

  void drop() {
    KeyRange range{random_key(), random_key()};
    if (range.to <= range.from) range.to.clear();
    const auto last = world_.engine->drop_range(range, Durability::always);
    if (failed_) expect(!last, "a drop was taken after the failure");
    if (succeeds(last)) history_.add(*last, range);
  }

  /// Each way of reading. `expected` is only what was taken: a refused batch must not show.
  void read() {
    const auto expected = *history_.state_at(history_.last());
    for (const bool reverse : {false, true}) {
      auto pairs = pairs_of(*world_.engine, {}, reverse);
      if (!succeeds(pairs)) continue;
      if (reverse) std::reverse(pairs->begin(), pairs->end());
      expect(std::equal(pairs->begin(), pairs->end(), expected.begin(), expected.end(),
                        [](const auto& a, const auto& b) {
                          return a.first == b.first && a.second == b.second;
                        }),
             "a walk gave false pairs");
    }
    const std::string key = random_key();
    check_lookup(key, world_.get(key), expected);
    read_many(expected);
  }

  void read_many(const EngineState& expected) {
    std::vector<std::string> keys;
    for (int i = 0; i < 8; ++i) keys.push_back(random_key());
    const auto answers = world_.multi_get(keys);
    for (size_t i = 0; i < keys.size(); ++i) check_lookup(keys[i], answers[i], expected);
  }

  void check_lookup(const std::string& key, const Result<Lookup>& lookup,
                    const EngineState& expected) {
    if (!succeeds(lookup)) return;
    const auto found = expected.find(key);
    expect(lookup->value.has_value() == (found != expected.end()), "a key's presence is false");
    if (lookup->value && found != expected.end())
      expect(lookup->value->view() == found->second, "a key's value is false");
  }

  void check_it_works() {
    world_.run_until_idle();  // What was replayed may have to be flushed first.
    WriteBatch batch;
    batch.put("after", "all");
    const auto last = world_.engine->apply(batch, Durability::always);
    world_.run_until_idle();
    expect(last && world_.engine->durable_sequence() == *last, "nothing can be written afterwards");
    expect(world_.engine->close().has_value(), "it cannot be closed afterwards");
  }

  std::string random_key() { return "k" + std::to_string(random_.below(30)); }

  Random random_;
  const EngineType engine_;
  StorageWorld world_;
  EngineHistory history_;
  Sequence promised_ = 0;
  bool failed_ = false;  // As the listener of this process was told.
  bool told_ = false;
  bool alarms_are_false_ = true;
  uint64_t serial_ = 0, compactions_ = 0, rewrites_ = 0;
  struct Copy {
    CheckpointCopy checkpoint;
    EngineState expected;
    bool is_done = false;
  };
  const bool makes_copies_;
  std::vector<Copy> copies_;
  std::string problem_;
};

}  // namespace kv
