// Opening the LSM engine: the manifest says which tables live, the log brings what was not flushed.
#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"
#include "libkv/storage/engines/empty_directory.h"
#include "libkv/storage/engines/log_replay.h"
#include "libkv/storage/engines/lsm_engine.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/memory/huge_page.h"

namespace kv {

namespace {

constexpr uint64_t kSegmentBytesMin = 4096;

class LsmOpener {
 public:
  LsmOpener(Environment& environment, MetaStore& meta, const std::string& directory,
            const EngineOptions& options)
      : environment_(environment),
        parts_{.directory = directory,
               .options = with_memory_shares(options),
               .manifest = Manifest(meta),
               .cache = nullptr,
               .blocks = nullptr,
               .obsolete = std::make_shared<ObsoleteTables>(),
               .table_directory = nullptr,
               .view = nullptr,
               .log = {},
               .report = {}} {
    const auto budget = std::make_shared<MemoryBudget>(parts_.options.memory_bytes,
                                                       parts_.options.block_cache_bytes);
    parts_.blocks =
        std::make_shared<ArenaBlocks>(parts_.options.memtable_bytes / kHugePageBytes, budget);
    parts_.cache = std::make_shared<TableCache>(
        environment.files, directory, budget,
        TableCache::Options{options.open_tables_max, options.direct_reads});
    parts_.options.log_segment_bytes =
        std::max<uint64_t>(options.log_segment_bytes, kSegmentBytesMin);
  }

  Result<std::unique_ptr<Engine>> open() {
    KV_TRY(environment_.files.make_directories(parts_.directory));
    KV_ASSIGN(state_, parts_.manifest.open(environment_.entropy()));
    KV_ASSIGN(const auto names, environment_.files.list(parts_.directory));
    if (state_.created) KV_TRY(check_empty(parts_.directory, names));
    KV_TRY(check_levels());
    KV_TRY(remove_strangers(names));
    KV_TRY(replay_log());
    parts_.cache->balance();
    auto engine = std::make_unique<LsmEngine>(environment_, std::move(parts_));
    KV_TRY(engine->start(state_.flushed));
    return engine;
  }

 private:
  Status check_levels() {
    const auto wrong = misplaced_tables(state_.tables);
    return wrong.empty() ? Status() : fail(ErrorKind::corrupt, "manifest: " + wrong.front());
  }

  /// Removes tables that a flush or compaction wrote but the manifest never named.
  Status remove_strangers(const std::vector<std::string>& names) {
    uint64_t next_number = 1;
    for (const std::string& name : names) {
      const auto number = numbered_file(name, ".sst");
      if (!number) continue;
      next_number = std::max(next_number, *number + 1);
      const bool named = std::any_of(state_.tables.begin(), state_.tables.end(),
                                     [&](const TableInfo& t) { return t.number == *number; });
      if (!named && !KV_PLANTED(keep_nameless_tables))
        KV_TRY(environment_.files.remove(parts_.directory + "/" + name));
    }
    for (const TableInfo& info : state_.tables)
      next_number = std::max(next_number, info.number + 1);
    const EngineOptions& options = parts_.options;
    parts_.table_directory = std::make_shared<TableDirectory>(
        environment_.files, environment_.clock, parts_.directory,
        TableOptions{options.block_bytes, options.bloom_bits_per_key, BlockCompression::lz4,
                     options.section_blocks},
        next_number);
    return {};
  }

  /// Of those that the manifest names, in its order.
  Status open_next_table() {
    const TableInfo& info = state_.tables[opened_tables_++];
    auto table = std::make_shared<TableFile>(
        info, std::make_shared<TableLife>(info.number, parts_.obsolete));
    KV_TRY(check_table(*table));
    levels_[info.level].push_back(std::move(table));
    return {};
  }
  bool has_tables_to_open() const { return opened_tables_ < state_.tables.size(); }

  /// A damaged table stays where it is: reads of its range fail, and only they.
  Status check_table(const TableFile& table) {
    Status opened = parts_.cache->open(table);
    // What is told here is repaired at length: a read that failed once is not enough.
    if (!opened) opened = parts_.cache->open(table);
    if (opened) return {};
    if (opened.error().kind != ErrorKind::corrupt) return fail(opened.error());
    const TableInfo& info = table.info();
    parts_.report.corruption.push_back(
        {parts_.cache->path_of(info.number), 0, opened.error().what, range_of(info)});
    return {};
  }
  static KeyRange range_of(const TableInfo& info) { return {info.first_key, info.last_key + '\0'}; }

  /// Tables are opened in between, while a lane adds what a segment brought.
  Status replay_log() {
    LogReplay replay(environment_.executor, parts_.blocks, parts_.options.memtable_bytes);
    LogRecoveryOptions options;
    options.directory = parts_.directory;
    options.secret = state_.log_secret;
    options.flushed = state_.flushed;
    options.known_durable = state_.known_durable();
    Status opened;
    KV_ASSIGN(LogRecovery log, recover_log(environment_.files, options, [&](auto segment) {
                if (!opened) return;
                replay.take(std::move(segment));
                if (has_tables_to_open()) opened = open_next_table();
              }));
    while (opened && has_tables_to_open()) opened = open_next_table();
    KV_TRY(opened);
    view_->version = std::make_shared<const Version>(std::move(levels_), state_.drops);
    view_->waiting = replay.finish();
    view_->active = view_->waiting.front();
    view_->waiting.erase(view_->waiting.begin());
    view_->drops = merge_drops(*view_);
    parts_.view = view_;
    report(log);
    parts_.log = {.directory = parts_.directory,
                  .segment_bytes = parts_.options.log_segment_bytes,
                  .sync_interval = parts_.options.sync_interval,
                  .forming_bytes_max = log_forming_bytes_max(parts_.options),
                  .held_bytes_max = parts_.options.log_held_bytes_max,
                  .secret = state_.log_secret,
                  .next_number = log.next_number,
                  .last_sequence = log.last_sequence,
                  .old_segments = std::move(log.segments),
                  .before_first_write = nullptr};
    if (state_.clean && !KV_PLANTED(keep_clean_flag))
      parts_.log.before_first_write = [manifest = parts_.manifest,
                                       durable = parts_.log.last_sequence]() mutable {
        return manifest.clear_clean(durable);
      };
    return {};
  }

  void report(LogRecovery& log) {
    RecoveryReport& report = parts_.report;
    report.created = state_.created;
    report.torn_tail = log.torn_tail;
    report.last_sequence = log.last_sequence;
    for (CorruptRange& range : log.corruption) report.corruption.push_back(std::move(range));
    report.clean = state_.clean.has_value() && report.corruption.empty();
    for (const CorruptRange& range : report.corruption)
      environment_.log.error(
          "storage_corrupt",
          {{"file", range.file}, {"offset", range.offset}, {"what", range.what}});
  }

  Environment& environment_;
  LsmEngine::Parts parts_;
  ManifestState state_;
  Version::Levels levels_ = Version::Levels(kLevels);
  size_t opened_tables_ = 0;  // Of state_.tables.
  std::shared_ptr<ReadView> view_ = std::make_shared<ReadView>();
};

}  // namespace

Result<std::unique_ptr<Engine>> open_lsm_engine(Environment& environment, MetaStore& meta,
                                                const std::string& directory,
                                                const EngineOptions& options) {
  return LsmOpener(environment, meta, directory, options).open();
}

}  // namespace kv
