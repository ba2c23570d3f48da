#include "libkv/storage/engines/memory_files.h"

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/storage/engines/ingest.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_segment.h"
#include "libkv/storage/table/table_walk.h"

namespace kv {

namespace {

constexpr uint64_t kSegmentNumber = 1;
/// Of a batch in a copy's log, about.
constexpr size_t kBatchBytes = 1u << 20;

class PairsOfTable final : public TableVisitor {
 public:
  explicit PairsOfTable(WriteBatch& batch) : batch_(batch) {}
  void entry(const Entry& entry, uint64_t) override { batch_.put(entry.key, entry.value); }
  /// It was sound a moment ago; but the disk may not give it twice.
  void finding(const Finding& finding) override {
    if (status_) status_ = fail(ErrorKind::corrupt, to_text(finding));
  }
  const Status& status() const { return status_; }

 private:
  WriteBatch& batch_;
  Status status_;
};

class SegmentOfPairs {
 public:
  SegmentOfPairs(uint64_t secret, Sequence first)
      : salt_(log_salt(secret, kSegmentNumber)), next_(first) {
    LogSegmentHeader header;
    header.number = kSegmentNumber;
    header.salt = salt_;
    append(LogRecordKind::segment_header, 0, encode_segment_header(header));
  }
  void add(BytesView key, BytesView value) {
    batch_.put(key, value);
    if (batch_.payload_bytes() >= kBatchBytes) end_batch();
  }
  std::string take() {
    if (!batch_.empty()) end_batch();
    return std::move(bytes_);
  }

 private:
  void end_batch() {
    append(LogRecordKind::batch, static_cast<uint32_t>(batch_.count()), batch_.encoded());
    batch_.clear();
  }
  void append(LogRecordKind kind, uint32_t count, BytesView payload) {
    const size_t at = bytes_.size();
    append_unsealed_record(bytes_, kind, next_, count, payload);
    seal_record(bytes_.data() + at, salt_, at, next_ - 1);
    next_ += count;
  }

  const uint64_t salt_;
  Sequence next_;
  WriteBatch batch_;
  std::string bytes_;
};

}  // namespace

Result<WriteBatch> read_prepared_tables(Environment& environment, const Manifest& manifest,
                                        const std::vector<std::string>& paths) {
  if (paths.empty()) return fail(ErrorKind::invalid, "no tables to ingest");
  const auto directory =
      std::make_shared<TableDirectory>(environment.files, environment.clock, "", TableOptions(), 1);
  Ingest ingest(paths, directory, manifest, 0, nullptr);
  while (!ingest.is_verified()) {
    ingest.verify_slice();
    KV_TRY(ingest.status());
  }
  WriteBatch batch;
  PairsOfTable pairs(batch);
  for (const std::string& path : paths) KV_TRY(walk_table(environment.files, path, pairs));
  KV_TRY(pairs.status());
  return batch;
}

Result<ManifestState> write_pairs_as_log(FileSystem& files, const std::string& directory,
                                         uint64_t secret, const MemoryPairs& pairs, Sequence at) {
  KV_ASSERT(pairs.size() <= at);
  ManifestState state;
  state.log_secret = secret;
  state.flushed = at - pairs.size();
  SegmentOfPairs segment(secret, state.flushed + 1);
  for (const auto& [key, value] : pairs) segment.add(key, value.view());
  KV_ASSIGN(const auto file,
            files.open(directory + "/" + log_file_name(kSegmentNumber), OpenMode::write_new));
  KV_TRY(file->write_at(0, segment.take()));
  KV_TRY(file->sync());
  if (!KV_PLANTED(unsynced_checkpoint)) KV_TRY(files.sync_directory(directory));
  return state;
}

}  // namespace kv
