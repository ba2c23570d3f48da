#include "libkv/storage/table/ingest_writer.h"

#include "libkv/storage/batch_limits.h"

namespace kv {

Result<std::unique_ptr<IngestWriter>> IngestWriter::create(FileSystem& files,
                                                           const std::string& path,
                                                           const Options& options) {
  KV_ASSIGN(auto file, files.open(path, OpenMode::write_new));
  TableInfo info;
  info.salt = options.salt;
  info.created_us = microseconds_of(options.created);
  return std::unique_ptr<IngestWriter>(
      new IngestWriter(files, path, std::move(file), options, std::move(info)));
}

Status IngestWriter::put(BytesView key, BytesView value) {
  KV_TRY(check_limits(key, value));
  if (!table_.empty() && key <= BytesView(last_key_))
    return fail(ErrorKind::invalid, path_ + ": a key is not behind the one before");
  if (table_.is_full())
    return fail(ErrorKind::invalid, path_ + ": the table is full; begin another one");
  last_key_.assign(key);
  return table_.add({key, kIngestSequence, EntryKind::value, value});
}

Status IngestWriter::finish() {
  if (table_.empty()) return fail(ErrorKind::invalid, path_ + ": a table without pairs");
  KV_TRY(table_.finish());
  const size_t slash = path_.find_last_of('/');
  return files_.sync_directory(slash == std::string::npos ? "." : path_.substr(0, slash));
}

}  // namespace kv
