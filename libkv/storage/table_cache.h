// The SSTables that are open, at most so many at a time; the one longest unused is closed first
// (whoever still reads it keeps it). Thread-safe: one lock around the list, not held while a file
// is being opened.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "libkv/storage/sstable_reader.h"

namespace kv {

class TableCache {
 public:
  TableCache(FileSystem& files, std::string directory, uint64_t block_cache_bytes,
             size_t open_tables_max)
      : files_(files),
        directory_(std::move(directory)),
        blocks_(block_cache_bytes),
        open_tables_max_(open_tables_max) {}

  /// The table, opened if needed. Errors: those of SstableReader::open.
  Result<std::shared_ptr<SstableReader>> open(const TableInfo& info);
  /// The table if it is open, else null. Touches no file.
  std::shared_ptr<SstableReader> find(uint64_t number);
  void forget(uint64_t number);

  std::string path_of(uint64_t number) const { return directory_ + "/" + table_file_name(number); }
  ReadCounters& counters() { return counters_; }
  FileSystem& files() { return files_; }

 private:
  struct Slot {
    uint64_t number;
    std::shared_ptr<SstableReader> reader;
  };

  FileSystem& files_;
  const std::string directory_;
  BlockCache blocks_;
  ReadCounters counters_;
  const size_t open_tables_max_;
  std::mutex mutex_;
  std::list<Slot> open_;  // Most recently used first.
  std::unordered_map<uint64_t, std::list<Slot>::iterator> by_number_;
};

}  // namespace kv
