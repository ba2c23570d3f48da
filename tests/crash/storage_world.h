// One engine on a simulated disk with metadata of the same moment: open, run, kill, crash, again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"
#include "tests/crash/traced_meta.h"
#include "tests/sim/sim_environment.h"

namespace kv {

enum class EngineType { lsm, memory };
/// Filters and indexes have no room: they come and go.
inline constexpr uint64_t kNoMemory = 6 << 10;
/// `traced`: in memory, with its moments known; `sqlite`: on the simulated disk itself.
enum class MetaType { traced, sqlite };

/// So small that a few hundred writes fill segments, memtables and levels.
inline EngineOptions tiny_engine_options() {
  EngineOptions options;
  options.memtable_bytes = 4 << 10;
  options.log_segment_bytes = 8 << 10;
  options.block_cache_bytes = 64 << 10;
  options.block_bytes = 512;
  options.section_blocks = 2;
  return options;
}

/// Keeps the last line of each event, and counts them.
class CountingLog final : public Log {
 public:
  void write(LogLevel, std::string_view line) override {
    const std::string event(line.substr(0, line.find(' ')));
    ++counts_[event];
    last_[event] = line;
  }
  /// Empty: there was none.
  std::string last(std::string_view event) const {
    const auto found = last_.find(event);
    return found == last_.end() ? std::string() : found->second;
  }
  uint64_t count(std::string_view event) const {
    const auto found = counts_.find(event);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  struct Less {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a < b; }
  };
  std::map<std::string, uint64_t, Less> counts_;
  std::map<std::string, std::string, Less> last_;
};

class StorageWorld {
 public:
  explicit StorageWorld(uint64_t seed, EngineType type = EngineType::lsm,
                        MetaType meta_type = MetaType::traced)
      : type_(type),
        meta_type_(meta_type),
        seed_(seed),
        disk(seed),
        meta(std::make_unique<TracedMeta>(disk)) {}
  ~StorageWorld() { end(); }
  StorageWorld(const StorageWorld&) = delete;
  StorageWorld& operator=(const StorageWorld&) = delete;

  /// By the seed: what engines and their systems differ in, so that what is rare elsewhere happens
  /// often in some. REQUIRES: not yet open.
  void vary(uint64_t seed) {
    Random random(seed ^ 0x7a41e5);
    static constexpr uint64_t kCachePercent[] = {0, 50, 100};
    disk.set_page_cache(kCachePercent[random.below(3)]);
    // Groups of the log leave unsynced, soon or at once, and not only with the next that is synced.
    const size_t held_bytes[] = {options.log_held_bytes_max, 256, 0};
    options.log_held_bytes_max = held_bytes[random.below(3)];
    if (random.chance(0.5)) options.memory_bytes = kNoMemory;
    if (random.chance(0.5)) options.group_prefix_bytes = 2;
    if (random.chance(0.3)) options.open_tables_max = 4;
  }
  /// A new process opens the directory.
  Status open() {
    end();
    process.seed = ++seed_;
    environment = std::make_unique<SimEnvironment>(scheduler, disk, log, process);
    Environment& world = environment->environment();
    MetaStore* store = meta.get();
    if (meta_type_ == MetaType::sqlite) {
      KV_TRY(world.files.make_directories(directory));
      KV_ASSIGN(sqlite_, open_sqlite_meta(world, directory + "/meta.db"));
      store = sqlite_.get();
    }
    KV_ASSIGN(engine, open_engine(*store, directory));
    return {};
  }
  /// One of the same type, in the process that runs.
  Result<std::unique_ptr<Engine>> open_engine(MetaStore& store, const std::string& where) {
    Environment& world = environment->environment();
    return type_ == EngineType::lsm ? open_lsm_engine(world, store, where, options)
                                    : open_memory_engine(world, store, where, options);
  }
  /// The process ends without warning; the disk keeps what the kernel has.
  void end() {
    if (environment) environment->kill();
    engine.reset();
    sqlite_.reset();
    environment.reset();
  }
  /// The power fails.
  void crash(CrashPolicy policy, Random& random) {
    end();
    disk.crash(policy, random);
  }
  /// Both take a moment of the past: for crash states.
  void restore(DiskImage image, MetaRows rows) {
    end();
    disk.restore(std::move(image));
    meta = std::make_unique<TracedMeta>(disk, std::move(rows));
  }
  /// REQUIRES: open.
  MetaStore& metadata() { return sqlite_ ? *sqlite_ : static_cast<MetaStore&>(*meta); }
  void run_until_idle() {
    do {
      while (scheduler.run_one()) {
      }
    } while (ends_a_rest());
  }
  Result<Lookup> get(BytesView key) {
    std::optional<Result<Lookup>> answer;
    engine->get(key, [&answer](Result<Lookup> lookup) { answer = std::move(lookup); });
    scheduler.run_until_true([&answer] { return answer.has_value(); });
    return *answer;
  }
  Engine::Lookups multi_get(const std::vector<std::string>& keys) {
    const std::vector<BytesView> views(keys.begin(), keys.end());
    std::optional<Engine::Lookups> later;
    auto answers =
        engine->multi_get(views, [&later](Engine::Lookups found) { later = std::move(found); });
    if (answers) return std::move(*answers);
    scheduler.run_until_true([&later] { return later.has_value(); });
    return std::move(*later);
  }

 private:
  bool ends_a_rest() {
    if (!engine || !engine->stats().compaction_rests) return false;
    scheduler.run_until(engine->next_wake());
    engine->on_tick(scheduler.now());
    return true;
  }

  const EngineType type_;
  const MetaType meta_type_;
  uint64_t seed_;

 public:
  EngineOptions options = tiny_engine_options();
  SimProcessOptions process;       ///< But for the seed.
  std::string directory = "data";  ///< The engine's.
  CountingLog log;
  SimScheduler scheduler;
  SimDisk disk;
  std::unique_ptr<TracedMeta> meta;
  std::unique_ptr<SimEnvironment> environment;

 private:
  std::unique_ptr<MetaStore> sqlite_;  // Of the process that runs.

 public:
  std::unique_ptr<Engine> engine;
};

}  // namespace kv
