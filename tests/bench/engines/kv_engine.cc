// kv's own engine, driven from one loop thread as in a kv-node: log, flushes, compactions and reads
// from the disk run on the executor's threads and complete in turns of this loop.
//
// A write that the engine has no room for, or that it wants to come later, waits in the loop, which
// goes on with what else there is. A synced write is outstanding until the log says that it is
// durable; what one turn writes leaves as one group. An unsynced write is over when it is visible:
// the engine hands its log to the system as soon as the write() before is over, where LevelDB and
// RocksDB call write() each time. A get that needs the disk is outstanding. Several workers who
// only read have a thread and a snapshot each; many keys a call, reads beside writes, and reads
// past the page cache, of which many are to be outstanding, are the loop's alone.
#include <algorithm>
#include <deque>

#include <poll.h>

#include "libkv/base/posix_environment.h"
#include "libkv/base/stderr_log.h"
#include "libkv/base/thread_executor.h"
#include "libkv/storage/engine.h"
#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

namespace {

constexpr Duration kSettleWait = 3600s;
constexpr Duration kCompletionWait = 60s;
/// Sooner than a daemon: what is measured is what tidying comes to, not how long it is waited for.
constexpr Duration kIdleAfter = 100ms;

ThreadExecutorOptions executor_options(size_t workers) {
  ThreadExecutorOptions options;
  options.read_threads = workers;
  return options;
}

/// The engine with all that a process has around it. Members are destroyed from below.
class Loop {
 public:
  explicit Loop(const EngineSettings& settings)
      : workers_(settings.workers), executor_(executor_options(settings.workers)) {
    log_.set_level(LogLevel::warning);
  }

  Status open(const EngineSettings& settings) {
    const std::string& directory = settings.directory;
    KV_ASSIGN(lock_, environment_.files.lock_directory(directory));
    KV_ASSIGN(meta_, open_sqlite_meta(environment_, directory + "/meta.sqlite"));
    EngineOptions options;
    options.memory_bytes = settings.memory.whole();
    options.memtable_bytes = settings.memory.write_buffer_bytes;
    options.block_cache_bytes = settings.memory.cache_bytes;
    options.direct_reads = settings.direct;
    options.bloom_bits_per_key = kBloomBitsPerKey;
    options.idle_after = kIdleAfter;
    options.log_held_bytes_max = 0;
    KV_ASSIGN(engine_, open_lsm_engine(environment_, *meta_, directory, options));
    engine_->on_durable([this](Result<Sequence> durable) { durable_up_to(std::move(durable)); });
    return {};
  }

  Engine& engine() { return *engine_; }
  bool has_one_worker() const { return workers_ == 1; }
  Durability durability = Durability::none;

  /// The batch lives until the caller hears of its end, or until Begun::over.
  Result<Begun> write(const WriteBatch& batch, Caller& caller) {
    if (parked_.empty() && has_room()) {
      const auto applied = engine_->apply(batch, durability);
      if (applied) return written(*applied, caller);
      if (applied.error().kind != ErrorKind::busy) return fail(applied.error());
    }
    parked_.push_back({&batch, &caller});
    return Begun::outstanding;
  }

  Status end_turn(bool must_wait) {
    engine_->end_turn();
    executor_.submit_reads();
    if (must_wait) KV_TRY(wait_for_something());
    executor_.run_completions();
    engine_->on_tick(monotonic_now());
    if (!parked_.empty()) write_parked();
    return {};
  }

  /// Until the engine has tidied, too; the instant is that before.
  Result<Instant> settle() {
    KV_TRY(drain());
    while (engine_->stats().compaction_rests) {
      KV_TRY(end_turn(true));
      KV_TRY(drain());
    }
    const Instant settled = monotonic_now();
    for (engine_->on_tick(settled); engine_->next_wake() != Instant::max();) {
      KV_TRY(end_turn(true));
      KV_TRY(drain());
    }
    return settled;
  }

 private:
  Status drain() {
    if (executor_.drain(kSettleWait)) return {};
    return fail(ErrorKind::unavailable, "the engine did not settle within an hour");
  }

  struct Waiting {
    Sequence sequence;
    Caller* caller;
  };
  struct Parked {
    const WriteBatch* batch;
    Caller* caller;
  };

  bool has_room() {
    const Instant at = engine_->room_at();
    return at == Instant::min() || at <= monotonic_now();
  }

  Begun written(Sequence sequence, Caller& caller) {
    if (durability == Durability::none) return Begun::over;
    waiting_.push_back({sequence, &caller});
    return Begun::outstanding;
  }

  void write_parked() {
    while (!parked_.empty() && has_room()) {
      const Parked next = parked_.front();
      const auto applied = engine_->apply(*next.batch, durability);
      if (!applied && applied.error().kind == ErrorKind::busy) return;
      parked_.pop_front();
      if (!applied) {
        next.caller->on_over(fail(applied.error()));
      } else if (written(*applied, *next.caller) == Begun::over) {
        next.caller->on_over({});
      }
    }
  }

  void durable_up_to(Result<Sequence> durable) {
    while (!waiting_.empty() && (!durable || waiting_.front().sequence <= *durable)) {
      Caller* const caller = waiting_.front().caller;
      waiting_.pop_front();
      caller->on_over(durable ? Status() : fail(durable.error()));
    }
  }

  /// A completion, or the time for which the engine or a parked write waits.
  Status wait_for_something() {
    const Instant now = monotonic_now();
    Instant at = engine_->next_wake();
    if (!parked_.empty()) at = std::min(at, engine_->room_at());
    const bool is_timed = at < now + kCompletionWait;
    const Duration wait = std::max(Duration::zero(), is_timed ? at - now : kCompletionWait);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
    const timespec limit{seconds.count(), (wait - seconds).count()};
    pollfd waiting{executor_.completion_fd(), POLLIN, 0};
    if (ppoll(&waiting, 1, &limit, nullptr) == 1 || is_timed) return {};
    return fail(ErrorKind::unavailable, "the engine completed nothing for a minute");
  }

  const size_t workers_;
  std::deque<Waiting> waiting_;  // By sequence.
  std::deque<Parked> parked_;    // For room, in the order of their coming.
  StderrLog log_;
  PosixEnvironment posix_;
  ThreadExecutor executor_;
  Environment environment_ = posix_.with(executor_, log_);
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<MetaStore> meta_;
  std::unique_ptr<Engine> engine_;
};

void tell(const Lookup& found, size_t index, Caller& caller) {
  if (!found.value) return caller.on_value(index, nullptr);
  const BytesView value = found.value->view();
  caller.on_value(index, &value);
}

Status tell_all(const Engine::Lookups& found, Caller& caller) {
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i]) return fail(found[i].error());
    tell(*found[i], i, caller);
  }
  return {};
}

Status walk(EngineIterator& rows, Caller& caller) {
  for (; rows.valid(); rows.next()) caller.on_row({rows.key(), rows.value()});
  return rows.status();
}

/// Reads the engine as it was when the session began, on whichever thread: what the engine offers
/// beside its loop.
class SnapshotSession final : public BenchSession {
 public:
  explicit SnapshotSession(Engine& engine) : snapshot_(engine.snapshot()) {}

  Result<Begun> begin_write(std::span<const Pair>, Caller&) override {
    return fail(ErrorKind::invalid, "a snapshot is not written to");
  }
  Result<Begun> begin_get(BytesView key, Caller& caller) override {
    KV_ASSIGN(const Lookup found, snapshot_->get(key));
    tell(found, 0, caller);
    return Begun::over;
  }
  Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) override {
    for (size_t i = 0; i < keys.size(); ++i) {
      KV_ASSIGN(const Lookup found, snapshot_->get(keys[i]));
      tell(found, i, caller);
    }
    return Begun::over;
  }
  Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) override {
    KV_TRY(walk(*snapshot_->iterate({std::string(from), std::string(to)}), caller));
    return Begun::over;
  }

 private:
  const std::shared_ptr<const EngineSnapshot> snapshot_;
};

class KvSession final : public BenchSession {
 public:
  explicit KvSession(Loop& loop) : loop_(loop) {}

  Result<Begun> begin_write(std::span<const Pair> pairs, Caller& caller) override {
    batch_.clear();
    for (const Pair& pair : pairs) batch_.put(pair.key, pair.value);
    return loop_.write(batch_, caller);
  }

  Result<Begun> begin_get(BytesView key, Caller& caller) override {
    if (const auto cached = loop_.engine().get_if_cached(key)) {
      if (!*cached) return fail(cached->error());
      tell(**cached, 0, caller);
      return Begun::over;
    }
    loop_.engine().get(key, [&caller](const Result<Lookup>& found) {
      if (found) tell(*found, 0, caller);
      caller.on_over(found ? Status() : fail(found.error()));
    });
    return Begun::outstanding;
  }

  Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) override {
    const auto cached = loop_.engine().multi_get(
        keys, [&caller](const Engine::Lookups& found) { caller.on_over(tell_all(found, caller)); });
    if (!cached) return Begun::outstanding;
    KV_TRY(tell_all(*cached, caller));
    return Begun::over;
  }

  Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) override {
    const std::unique_ptr<EngineIterator> rows =
        loop_.engine().iterate({std::string(from), std::string(to)});
    KV_TRY(walk(*rows, caller));
    return Begun::over;
  }

 private:
  Loop& loop_;
  WriteBatch batch_;
};

class KvEngine final : public BenchEngine {
 public:
  std::string version() const override { return std::string("kv ") + KV_VERSION; }

  Status open(const EngineSettings& settings) override {
    loop_ = std::make_unique<Loop>(settings);
    counts_reads_ = settings.direct;
    return loop_->open(settings);
  }
  Status close() override {
    const Status closed = loop_->engine().close();
    loop_.reset();
    return closed;
  }
  std::unique_ptr<BenchSession> session() override {
    if (!is_one_loop()) return std::make_unique<SnapshotSession>(loop_->engine());
    return std::make_unique<KvSession>(*loop_);
  }

  Status sync_writes(bool wanted) override {
    loop_->durability = wanted ? Durability::always : Durability::none;
    return {};
  }
  Result<Instant> settle() override { return loop_->settle(); }
  std::optional<uint64_t> written_bytes() override {
    const EngineStats stats = loop_->engine().stats();
    return stats.bytes_written_log + stats.bytes_written_flush + stats.bytes_written_compaction;
  }

  std::optional<EngineWaits> waits() override {
    const EngineStats stats = loop_->engine().stats();
    return EngineWaits{
        Duration(static_cast<int64_t>(
            std::max(stats.stall_nanoseconds_max, stats.delay_nanoseconds_max))),
        Duration(static_cast<int64_t>(stats.stall_nanoseconds + stats.delay_nanoseconds)),
        stats.stalls + stats.delays};
  }

  std::optional<uint64_t> disk_reads() override {
    if (!counts_reads_) return std::nullopt;
    return loop_->engine().stats().disk_reads;
  }

  void only_reads(bool yes) override { only_reads_ = yes; }
  bool is_one_loop() const override {
    return !only_reads_ || loop_->has_one_worker() || counts_reads_;
  }
  void begin_turn() override { loop_->engine().begin_turn(); }
  Status end_turn(bool must_wait) override { return loop_->end_turn(must_wait); }

 private:
  std::unique_ptr<Loop> loop_;
  bool only_reads_ = false;
  bool counts_reads_ = false;
};

}  // namespace

std::unique_ptr<BenchEngine> make_kv() {
  return std::make_unique<KvEngine>();
}

}  // namespace kv::bench
