// The engine for tests and mass simulation: a map and the same commit log, which is kept whole and
// replayed at open. Durability, errors and recovery are those of the engine on disk.
#include <algorithm>
#include <deque>
#include <map>

#include "libkv/storage/batch_limits.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/engines/checkpoint.h"
#include "libkv/storage/engines/empty_directory.h"
#include "libkv/storage/engines/memory_files.h"
#include "libkv/storage/failed_iterator.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/log/commit_log.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/range_drops.h"

namespace kv {

namespace {

constexpr uint64_t kSegmentBytesMin = 4096;
using Pairs = MemoryPairs;

void apply_to(Pairs& pairs, BytesView batch) {
  WriteBatch::for_each(batch, [&pairs](const WriteBatch::Operation& operation) {
    const auto at = pairs.find(operation.key);
    if (!operation.is_put) {
      if (at != pairs.end()) pairs.erase(at);
    } else if (at != pairs.end()) {
      at->second = SharedBytes::copy_of(operation.value);
    } else {
      pairs.emplace(operation.key, SharedBytes::copy_of(operation.value));
    }
  });
}

void drop_from(Pairs& pairs, const KeyRange& range) {
  const auto end = range.to.empty() ? pairs.end() : pairs.lower_bound(range.to);
  pairs.erase(pairs.lower_bound(range.from), end);
}

void replay(Pairs& pairs, const LogRecord& record) {
  if (record.kind == LogRecordKind::range_drop)
    return drop_from(pairs, *decode_key_range(record.payload));
  if (record.kind == LogRecordKind::batch) apply_to(pairs, record.payload);
}

/// A copy of the range's pairs (their values shared).
class CopiedIterator final : public EngineIterator {
 public:
  explicit CopiedIterator(std::vector<std::pair<std::string, SharedBytes>> pairs)
      : pairs_(std::move(pairs)) {}
  bool valid() const override { return at_ < pairs_.size(); }
  void next() override { ++at_; }
  BytesView key() const override { return pairs_[at_].first; }
  BytesView value() const override { return pairs_[at_].second.view(); }
  Status status() const override { return {}; }

 private:
  const std::vector<std::pair<std::string, SharedBytes>> pairs_;
  size_t at_ = 0;
};

std::unique_ptr<EngineIterator> iterate_pairs(const Pairs& pairs, const KeyRange& range,
                                              bool reverse) {
  std::vector<std::pair<std::string, SharedBytes>> copied;
  for (auto at = pairs.lower_bound(range.from); at != pairs.end(); ++at) {
    if (!range.to.empty() && at->first >= range.to) break;
    copied.emplace_back(at->first, at->second);
  }
  if (reverse) std::reverse(copied.begin(), copied.end());
  return std::make_unique<CopiedIterator>(std::move(copied));
}

Lookup look_up(const Pairs& pairs, BytesView key) {
  const auto at = pairs.find(key);
  if (at == pairs.end()) return {};
  return {at->second, FoundIn::memtable, -1};
}

/// A copy of all pairs (their values shared).
class CopiedSnapshot final : public EngineSnapshot {
 public:
  CopiedSnapshot(Pairs pairs, Sequence at) : pairs_(std::move(pairs)), at_(at) {}
  Sequence sequence() const override { return at_; }
  Result<Lookup> get(BytesView key) const override { return look_up(pairs_, key); }
  std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) const override {
    return iterate_pairs(pairs_, range, reverse);
  }

 private:
  const Pairs pairs_;
  const Sequence at_;
};

class MemoryEngine final : public Engine {
 public:
  using Done = std::function<void(Result<Sequence>)>;

  MemoryEngine(Environment& environment, Manifest manifest, CommitLog::Options log, Pairs pairs,
               RecoveryReport report)
      : environment_(environment),
        manifest_(manifest),
        log_(environment, std::move(log)),
        pairs_(std::move(pairs)),
        report_(std::move(report)),
        tasks_(environment.executor) {
    log_.on_durable([this](const Result<Sequence>& risen) { durable_rose(risen); });
  }
  Status start() { return log_.prepare(); }

  Result<Sequence> apply(const WriteBatch& batch, Durability durability) override {
    if (closed_) return fail(closed_error());
    if (batch.empty()) return log_.last_sequence();
    KV_TRY(check_limits(batch));
    KV_TRY(log_.ready());
    const Sequence last = log_.append(batch, durability);
    apply_to(pairs_, batch.encoded());
    counted_.bytes_written_user += batch.user_bytes();
    return last;
  }
  Result<Sequence> drop_range(const KeyRange& range, Durability durability) override {
    if (closed_) return fail(closed_error());
    if (is_empty(range)) return log_.last_sequence();
    KV_TRY(check_limits(range));
    KV_TRY(log_.ready());
    const Sequence last = log_.append_drop(range, durability);
    drop_from(pairs_, range);
    return last;
  }
  Sequence durable_sequence() const override { return log_.durable_sequence(); }
  void on_durable(std::function<void(Result<Sequence>)> listener) override {
    listener_ = std::move(listener);
  }
  Instant room_at() override {
    return log_.is_full() && log_.is_sound() ? Instant::max() : Instant::min();
  }
  void on_room(std::function<void()> listener) override { log_.on_room(std::move(listener)); }
  Instant next_wake() const override { return closed_ ? Instant::max() : log_.next_wake(); }
  void on_tick(Instant now) override {
    if (!closed_) log_.on_tick(now);
  }
  void sync() override { log_.sync(); }
  void begin_turn() override { log_.begin_turn(); }
  void end_turn() override { log_.end_turn(); }

  std::optional<Result<Lookup>> get_if_cached(BytesView key) override {
    if (closed_) return Result<Lookup>(fail(closed_error()));
    ++counted_.gets;
    Lookup lookup = look_up(pairs_, key);
    if (lookup.value) ++counted_.memtable_hits;
    return Result<Lookup>(std::move(lookup));
  }
  void get(BytesView key, std::function<void(Result<Lookup>)> done) override {
    auto answer = *get_if_cached(key);
    tasks_.later(Lane::read,
                 [answer = std::move(answer), done = std::move(done)] { done(answer); });
  }
  std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) override {
    if (closed_) return std::make_unique<FailedIterator>(closed_error());
    return iterate_pairs(pairs_, range, reverse);
  }
  std::shared_ptr<const EngineSnapshot> snapshot() override {
    return std::make_shared<CopiedSnapshot>(pairs_, log_.last_sequence());
  }

  /// The tables' pairs are one batch, which is visible at once.
  void ingest(std::vector<std::string> paths, Done done) override {
    const Result<Sequence> last = apply_tables(paths);
    if (!last) return answer(std::move(done), last);
    ingests_.push_back({*last, std::move(done)});
  }
  void checkpoint(CheckpointTarget target, Done done) override {
    Status admitted = closed_ ? Status(fail(closed_error())) : log_.write_status();
    if (checkpoint_running_) admitted = fail(ErrorKind::busy, "a checkpoint is being made");
    if (!admitted) return answer(std::move(done), fail(admitted.error()));
    const Sequence at = log_.last_sequence();
    const auto made =
        std::make_shared<Checkpoint>(environment_.files, std::move(target), at, std::move(done));
    made->take([&files = environment_.files, secret = environment_.entropy(), pairs = pairs_,
                at](const std::string& directory) {
      return write_pairs_as_log(files, directory, secret, pairs, at);
    });
    checkpoint_running_ = true;
    tasks_.run(
        Lane::background, [made] { made->run(); },
        [this, made] {
          checkpoint_running_ = false;
          made->finish();
        });
  }

  EngineStats stats() const override {
    EngineStats stats = counted_;
    stats.log_bytes = stats.disk_bytes = log_.log_bytes();
    stats.bytes_written_log = log_.written_bytes();
    stats.syncs = log_.syncs();
    stats.groups = log_.groups();
    return stats;
  }
  const RecoveryReport& recovery() const override { return report_; }

  Status close() override {
    if (closed_) return {};
    closed_ = true;
    tasks_.finish_all();
    const Status drained = log_.drain();
    Result<Sequence> ended = log_.last_sequence();
    if (!drained) ended = fail(drained.error());
    end_ingests(ended);
    tasks_.finish_all();
    KV_TRY(drained);
    return manifest_.set_clean(log_.last_sequence());
  }

 private:
  void answer(Done done, Result<Sequence> result) {
    tasks_.later(Lane::background,
                 [result = std::move(result), done = std::move(done)] { done(result); });
  }
  Result<Sequence> apply_tables(const std::vector<std::string>& paths) {
    if (closed_) return fail(closed_error());
    KV_TRY(log_.ready());
    KV_ASSIGN(const WriteBatch batch, read_prepared_tables(environment_, manifest_, paths));
    return apply(batch, Durability::always);
  }
  void durable_rose(const Result<Sequence>& risen) {
    end_ingests(risen);
    if (listener_) listener_(risen);
  }
  void end_ingests(const Result<Sequence>& risen) {
    while (!ingests_.empty() && (!risen || ingests_.front().last <= *risen)) {
      const Sequence last = ingests_.front().last;
      answer(std::move(ingests_.front().done), risen ? Result<Sequence>(last) : risen);
      ingests_.pop_front();
    }
  }
  static Error closed_error() { return {ErrorKind::unavailable, "the engine is closed"}; }

  struct Ingested {
    Sequence last;
    Done done;
  };

  Environment& environment_;
  Manifest manifest_;
  std::function<void(Result<Sequence>)> listener_;
  std::deque<Ingested> ingests_;  // That are not durable yet.
  bool checkpoint_running_ = false;
  CommitLog log_;
  Pairs pairs_;
  RecoveryReport report_;
  EngineStats counted_;
  bool closed_ = false;
  LaneTasks tasks_;
};

}  // namespace

Result<std::unique_ptr<Engine>> open_memory_engine(Environment& environment, MetaStore& meta,
                                                   const std::string& directory,
                                                   const EngineOptions& options) {
  KV_TRY(environment.files.make_directories(directory));
  Manifest manifest(meta);
  KV_ASSIGN(const ManifestState state, manifest.open(environment.entropy()));
  if (state.created) {
    KV_ASSIGN(const auto names, environment.files.list(directory));
    KV_TRY(check_empty(directory, names));
  }
  Pairs pairs;
  // Only a checkpoint's log begins later.
  const LogRecoveryOptions recovery{directory, state.log_secret, state.flushed,
                                    state.known_durable()};
  KV_ASSIGN(LogRecovery log,
            recover_log(environment.files, recovery, [&pairs](const auto& segment) {
              for (const LogRecord& record : segment->records) replay(pairs, record);
            }));
  RecoveryReport report;
  report.created = state.created;
  report.clean = state.clean.has_value() && log.corruption.empty();
  report.torn_tail = log.torn_tail;
  report.last_sequence = log.last_sequence;
  report.corruption = std::move(log.corruption);
  CommitLog::Options log_options{
      .directory = directory,
      .segment_bytes = std::max<uint64_t>(options.log_segment_bytes, kSegmentBytesMin),
      .sync_interval = options.sync_interval,
      .held_bytes_max = options.log_held_bytes_max,
      .secret = state.log_secret,
      .next_number = log.next_number,
      .last_sequence = log.last_sequence,
      .old_segments = std::move(log.segments),
      .before_first_write = nullptr};
  if (state.clean)
    log_options.before_first_write = [manifest, durable = log_options.last_sequence]() mutable {
      return manifest.clear_clean(durable);
    };
  auto engine = std::make_unique<MemoryEngine>(environment, manifest, std::move(log_options),
                                               std::move(pairs), std::move(report));
  KV_TRY(engine->start());
  return engine;
}

}  // namespace kv
