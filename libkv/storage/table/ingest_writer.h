// Writes a table that an engine takes as it is (Engine::ingest): pairs in the order of their keys.
// On any thread, and in another process than the engine's. The file is one of the table format
// (table_format.h) in which every entry has the sequence 1; the manifest's row says which sequence
// the engine gave them all.
//
// Blocking; one thread at a time.
#pragma once

#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/table/sstable_writer.h"

namespace kv {

/// In the file, of every entry. On disk: never change.
inline constexpr Sequence kIngestSequence = 1;

class IngestWriter {
 public:
  struct Options {
    TableOptions table;
    uint64_t salt = 0;  ///< Fresh entropy: different for each table.
    WallTime created{};
  };

  /// `path` must not exist; `files` must outlive the writer. Errors: io, no_space.
  static Result<std::unique_ptr<IngestWriter>> create(FileSystem& files, const std::string& path,
                                                      const Options& options);

  /// Errors: invalid (not behind the last key, over a limit, or the table has too many long keys),
  /// which changes nothing; io, no_space: then give up.
  Status put(BytesView key, BytesView value);
  /// Ends the file and makes it durable with its name. Errors: invalid (it has no pair), and as
  /// put().
  Status finish();
  /// About what the file would have if it were finished now.
  uint64_t file_bytes() const { return table_.file_bytes(); }

 private:
  IngestWriter(FileSystem& files, std::string path, std::unique_ptr<File> file,
               const Options& options, TableInfo info)
      : files_(files),
        path_(std::move(path)),
        table_(std::move(file), options.table, std::move(info)) {}

  FileSystem& files_;
  const std::string path_;
  SstableWriter table_;
  std::string last_key_;
};

}  // namespace kv
