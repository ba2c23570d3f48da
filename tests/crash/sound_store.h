// An engine on a simulated disk, with its metadata in SQLite there too, that was written to and
// closed in order, or killed when all was durable: what a sweep of damages begins with. It has
// several levels of tables, one of them ingested, dropped ranges that the manifest names since they
// mask some of that, a log whose last batches and last drop stand nowhere else, and beside it a
// checkpoint of an earlier state.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "libkv/base/random.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/prepared_table.h"
#include "tests/crash/storage_world.h"

namespace kv {

class SoundStore {
 public:
  static constexpr uint64_t kKeys = 90;
  static constexpr const char* kDirectory = "data";
  static constexpr const char* kCopy = "copy";
  static std::string key(uint64_t n) { return "k" + std::to_string(n); }

  /// What one of the two directories holds.
  struct Contents {
    EngineState pairs;
    Sequence last = 0;
  };

  enum class End { closed, killed };

  SoundStore(uint64_t seed, End end)
      : end_(end), random_(seed), world_(seed, EngineType::lsm, MetaType::sqlite) {
    world_.vary(seed);
  }

  /// Errors: `conflict`, if chance has not brought all of it.
  Status write() {
    KV_TRY(world_.open());
    write_batches(260);
    world_.run_until_idle();
    const EngineStats stats = world_.engine->stats();
    if (stats.sstables < 3 || stats.compactions == 0) return proves_little("tables or compactions");
    KV_TRY(copy());
    write_batches(60);
    world_.run_until_idle();
    KV_TRY(ingest_and_drop());
    write_batches(12);
    KV_TRY(drop({key(40), key(44)}));
    if (end_ == End::closed) {
      KV_TRY(world_.engine->close());
    } else {
      world_.scheduler.run_until_true(
          [this] { return world_.engine->durable_sequence() == history_.last(); });
    }
    KV_TRY(look_at_manifest());
    world_.end();
    contents_ = contents_now();
    return {};
  }

  DiskImage image() const { return world_.disk.snapshot(); }
  uint64_t log_secret() const { return log_secret_; }
  /// Of the directory in which `path` lies.
  const Contents& contents_of(const std::string& path) const {
    return is_copy(path) ? copied_ : contents_;
  }
  /// Nobody but the log itself may know what is durable beyond this.
  Sequence known_by_manifest() const { return known_by_manifest_; }
  bool was_killed() const { return end_ == End::killed; }
  /// Nothing: that lies within a batch.
  std::optional<Contents> contents_at(Sequence last) const {
    auto pairs = history_.state_at(last);
    if (!pairs) return std::nullopt;
    return Contents{std::move(*pairs), last};
  }
  static bool is_copy(const std::string& path) { return path.starts_with(kCopy); }
  /// At any time.
  bool was_written(const std::string& key, BytesView value) const {
    const auto values = written_.find(key);
    return values != written_.end() && values->second.count(std::string(value)) != 0;
  }

 private:
  static Status proves_little(const std::string& of) {
    return fail(ErrorKind::conflict, "too few " + of + ": this would prove little");
  }
  Contents contents_now() const { return {*history_.state_at(history_.last()), history_.last()}; }

  void write_batches(int batches) {
    for (int i = 0; i < batches; ++i) {
      write_batch();
      if (i % 3 == 0) world_.scheduler.run_one();
    }
  }
  void write_batch() {
    WriteBatch batch;
    const std::string one = key(random_.below(kKeys));
    const std::string value =
        one + "=" + std::to_string(++serial_) + std::string(random_.below(150), 'x');
    batch.put(one, value);
    if (random_.below(3) == 0) batch.remove(key(random_.below(kKeys)));
    const auto last = world_.engine->apply(batch, Durability::always);
    if (!last) return world_.run_until_idle();
    history_.add(*last, batch);
    written_[one].insert(value);
  }
  Status drop(const KeyRange& range) {
    KV_ASSIGN(const Sequence last, world_.engine->drop_range(range, Durability::always));
    history_.add(last, range);
    return {};
  }

  Status copy() {
    copied_ = contents_now();
    Environment& environment = world_.environment->environment();
    std::optional<Result<Sequence>> copied;
    const std::string path = std::string(kCopy) + "/meta.db";
    world_.engine->checkpoint(
        {kCopy, [&environment, path] { return open_sqlite_meta(environment, path); }, {}},
        [&copied](Result<Sequence> done) { copied = std::move(done); });
    world_.run_until_idle();
    return copied ? Status(copied->has_value() ? Status{} : fail(copied->error()))
                  : fail(ErrorKind::invalid, "the checkpoint does not end");
  }

  /// Ranges are dropped while a table is being ingested: the rows of these drops stay until it is
  /// there, and no compaction has come to them when this returns.
  Status ingest_and_drop() {
    EngineState pairs;
    for (uint64_t n = 20; n < 40; ++n) {
      pairs[key(n)] = key(n) + "=ingested" + std::string(40, 'i');
      written_[key(n)].insert(pairs[key(n)]);
    }
    KV_TRY(prepare_table(world_, "made/table", pairs));
    std::optional<Result<Sequence>> ingested;
    world_.engine->ingest({"made/table"},
                          [&ingested](Result<Sequence> done) { ingested = std::move(done); });
    history_.add_ingest(history_.last() + 1, pairs);
    history_.settle_ingest(EngineHistory::Ingested::in);
    KV_TRY(drop({key(30), key(33)}));
    KV_TRY(drop({key(7), key(73)}));
    const uint64_t flushes = world_.engine->stats().flushes;
    // The memtable that the ingest ended, and the one that has the drops.
    while (world_.engine->stats().flushes < flushes + 2) {
      write_batch();
      if (!ingested) world_.scheduler.run_one();
    }
    world_.scheduler.run_until_true([&ingested] { return ingested.has_value(); });
    return ingested->has_value() ? Status{} : fail(ingested->error());
  }

  Status look_at_manifest() {
    KV_ASSIGN(const ManifestState manifest, Manifest(world_.metadata()).open(0));
    log_secret_ = manifest.log_secret;
    known_by_manifest_ = manifest.known_durable();
    bool has_ingested = false;
    for (const TableInfo& info : manifest.tables)
      has_ingested = has_ingested || info.given_sequence != 0;
    if (!has_ingested) return proves_little("ingested tables");
    if (manifest.drops.empty()) return proves_little("dropped ranges");
    return {};
  }

  const End end_;
  Random random_;
  StorageWorld world_;
  EngineHistory history_;
  Contents contents_, copied_;
  Sequence known_by_manifest_ = 0;
  std::map<std::string, std::set<std::string>> written_;
  uint64_t log_secret_ = 0, serial_ = 0;
};

/// The first that has everything, of those that follow from `seed`.
inline Result<std::unique_ptr<SoundStore>> make_sound_store(uint64_t seed, SoundStore::End end) {
  constexpr int kTries = 20;
  Status written;
  for (int i = 0; i < kTries; ++i, seed += 1'000'003) {
    auto store = std::make_unique<SoundStore>(seed, end);
    written = store->write();
    if (written) return store;
    if (written.error().kind != ErrorKind::conflict) break;
  }
  return fail(written.error());
}

}  // namespace kv
