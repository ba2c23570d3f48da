// An engine on a simulated disk, with its metadata in SQLite there too, that was written to and
// closed in order: what a sweep of damages begins with. It has several levels of tables, and a log
// whose last batches stand nowhere else.
#pragma once

#include <map>
#include <set>
#include <string>

#include "libkv/base/random.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {

class SoundStore {
 public:
  static constexpr uint64_t kKeys = 90;
  static std::string key(uint64_t n) { return "k" + std::to_string(n); }

  explicit SoundStore(uint64_t seed)
      : random_(seed), world_(seed, EngineType::lsm, MetaType::sqlite) {}

  Status write() {
    KV_TRY(world_.open());
    write_batches(260);
    world_.run_until_idle();
    const EngineStats stats = world_.engine->stats();
    if (stats.sstables < 3 || stats.compactions == 0)
      return fail(ErrorKind::invalid, "too few tables or compactions: this would prove little");
    write_batches(12);
    KV_ASSIGN(const ManifestState manifest, Manifest(world_.metadata()).open(0));
    log_secret_ = manifest.log_secret;
    KV_TRY(world_.engine->close());
    world_.end();
    pairs_ = *history_.state_at(history_.last());
    return {};
  }

  DiskImage image() const { return world_.disk.snapshot(); }
  uint64_t log_secret() const { return log_secret_; }
  const EngineState& pairs() const { return pairs_; }
  Sequence last() const { return history_.last(); }
  /// At any time.
  bool was_written(const std::string& key, BytesView value) const {
    const auto values = written_.find(key);
    return values != written_.end() && values->second.count(std::string(value)) != 0;
  }

 private:
  void write_batches(int batches) {
    for (int i = 0; i < batches; ++i) {
      WriteBatch batch;
      const std::string one = key(random_.below(kKeys));
      const std::string value =
          one + "=" + std::to_string(++serial_) + std::string(random_.below(150), 'x');
      batch.put(one, value);
      if (random_.below(3) == 0) batch.remove(key(random_.below(kKeys)));
      const auto last = world_.engine->apply(batch, Durability::always);
      if (!last) {
        world_.run_until_idle();
        continue;
      }
      history_.add(*last, batch);
      written_[one].insert(value);
      if (i % 3 == 0) world_.scheduler.run_one();
    }
  }

  Random random_;
  StorageWorld world_;
  EngineHistory history_;
  EngineState pairs_;
  std::map<std::string, std::set<std::string>> written_;
  uint64_t log_secret_ = 0, serial_ = 0;
};

}  // namespace kv
