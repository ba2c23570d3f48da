// Writes a sorted run of entries into as many SSTables as it fills, and makes them durable: each
// file synced as it ends, the directory once at the end. What it wrote is removed again unless
// keep() was called. Blocking; one thread at a time.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/storage/table/sstable_writer.h"

namespace kv {

/// Where the engine's tables are written, with what options, and the next number.
struct TableDirectory {
  TableDirectory(FileSystem& all_files, Clock& a_clock, std::string where,
                 TableOptions table_options, uint64_t next)
      : files(all_files),
        clock(a_clock),
        path(std::move(where)),
        options(table_options),
        next_number(next) {}

  FileSystem& files;
  Clock& clock;
  std::string path;
  TableOptions options;
  /// Any thread takes one: close() runs what the background has not begun.
  std::atomic<uint64_t> next_number;
};

class TableOutput {
 public:
  /// `salt_seed`: fresh entropy, from which the tables' salts come.
  TableOutput(std::shared_ptr<TableDirectory> directory, uint32_t level, uint64_t file_bytes_max,
              uint64_t salt_seed)
      : directory_(std::move(directory)),
        level_(level),
        file_bytes_max_(file_bytes_max),
        salt_seed_(salt_seed) {}
  ~TableOutput();
  TableOutput(const TableOutput&) = delete;
  TableOutput& operator=(const TableOutput&) = delete;

  /// Errors: io, no_space; then give up.
  Status add(const Entry& entry);
  /// What the table that is being written has, about; 0: none is.
  uint64_t open_bytes() const { return writer_ ? writer_->file_bytes() : 0; }
  /// What comes next begins a new table.
  Status cut();
  /// Ends the last table and syncs the directory.
  Status finish();
  /// The manifest names the tables now.
  void keep() { paths_.clear(); }

  const std::shared_ptr<TableDirectory>& directory() const { return directory_; }
  /// Those that are complete.
  const std::vector<TableInfo>& tables() const { return tables_; }
  uint64_t written_bytes() const;

 private:
  Status begin_table();
  Status end_table();

  std::shared_ptr<TableDirectory> directory_;
  const uint32_t level_;
  const uint64_t file_bytes_max_;
  const uint64_t salt_seed_;
  std::optional<SstableWriter> writer_;
  std::vector<TableInfo> tables_;
  std::vector<std::string> paths_;  // To be removed if all was in vain.
};

}  // namespace kv
