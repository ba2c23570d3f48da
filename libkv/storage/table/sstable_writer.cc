#include "libkv/storage/table/sstable_writer.h"

#include <algorithm>
#include <map>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {
constexpr size_t kPieceBytes = 256 << 10;
/// Most blocks end within it, so that a piece is never copied to grow.
constexpr size_t kPieceRoomBytes = kPieceBytes + (64 << 10);

// A section block is one read of a get that needs it, of some 16 KiB: of 256 blocks of 4 KiB, or of
// as many keys as a filter of 10 KiB is for. Of long keys the index has more; with the last of them
// and the filter it is still one that is read beside the loop (kReadAtOnceBytesMax).
constexpr uint64_t kSectionKeys = 8192;
constexpr size_t kSectionIndexBytes = 48 << 10;
}  // namespace

SstableWriter::SstableWriter(std::unique_ptr<File> file, const TableOptions& options,
                             TableInfo info)
    : file_(std::move(file)),
      options_(options),
      info_(std::move(info)),
      bloom_(options.bloom_bits_per_key) {
  info_.sequence_min = kSequenceMax;
  pending_.reserve(kPieceRoomBytes);
}

Status SstableWriter::add(const Entry& entry) {
  KV_ASSERT(empty() ||
            compare_entries(info_.last_key, last_sequence_, entry.key, entry.sequence) < 0);
  if (empty()) info_.first_key = entry.key;
  // Of a key whose versions lie in several sections, each section's filter has it.
  const bool is_first = section_keys_ == 0 && !KV_PLANTED(section_without_its_key);
  if (is_first || info_.last_key != entry.key) {
    key_hash_ = key_hash(entry.key);
    bloom_.add(key_hash_);
    ++section_keys_;
  }
  data_.add(entry, key_hash_);
  info_.last_key = entry.key;
  last_sequence_ = entry.sequence;
  ++info_.entries;
  if (entry.kind == EntryKind::removal) ++info_.removals;
  info_.raw_bytes += entry.key.size() + entry.value.size();
  info_.sequence_min = std::min(info_.sequence_min, entry.sequence);
  info_.sequence_max = std::max(info_.sequence_max, entry.sequence);
  return data_.size_bytes() >= options_.block_bytes ? end_data_block() : Status{};
}

Status SstableWriter::end_data_block() {
  KV_ASSIGN(const BlockHandle handle, append_block(data_.finish(), options_.compression));
  const std::string value = encode_block_handle(handle);
  index_.add({info_.last_key, last_sequence_, EntryKind::value, value});
  ++section_blocks_;
  return section_is_full() ? end_section() : Status{};
}

bool SstableWriter::section_is_full() const {
  return section_blocks_ >= options_.section_blocks || section_keys_ >= kSectionKeys ||
         index_.size_bytes() >= kSectionIndexBytes;
}

Status SstableWriter::end_section() {
  const std::string filter = bloom_.finish(), index = index_.finish();
  KV_ASSIGN(const BlockHandle handle,
            append_block(encode_section_block({filter, index}), options_.compression));
  const std::string value = encode_block_handle(handle);
  top_.add({info_.last_key, last_sequence_, EntryKind::value, value});
  section_blocks_ = section_keys_ = 0;
  return {};
}

Result<BlockHandle> SstableWriter::append_block(BytesView block, BlockCompression compression) {
  const uint64_t offset = written_ + pending_.size();
  const uint64_t payload = append_stored_block(pending_, block, compression, info_.salt, offset);
  if (pending_.size() >= kPieceBytes) KV_TRY(write_pending());
  return BlockHandle{offset, payload};
}

Status SstableWriter::write_pending() {
  KV_TRY(file_->write_at(written_, pending_));
  // Piece by piece, so that the sync at the end does not hold up the log's (RocksDB:
  // bytes_per_sync).
  file_->begin_writeback(written_, pending_.size());
  written_ += pending_.size();
  pending_.clear();
  return {};
}

std::string SstableWriter::properties() const {
  const std::map<std::string, std::string> by_name = {
      {"checksum", "xxh3-64"},
      {"created_us", std::to_string(info_.created_us)},
      {"entries", std::to_string(info_.entries)},
      {"first_key", info_.first_key},
      {"index", "two-level"},
      {"last_key", info_.last_key},
      {"raw_bytes", std::to_string(info_.raw_bytes)},
      {"removals", std::to_string(info_.removals)},
      {"sequence_max", std::to_string(info_.sequence_max)},
      {"sequence_min", std::to_string(info_.sequence_min)},
  };
  BlockBuilder block;
  for (const auto& [name, value] : by_name) block.add({name, 0, EntryKind::value, value});
  return block.finish();
}

Result<TableInfo> SstableWriter::finish() {
  KV_ASSERT(!empty());
  if (!data_.empty()) KV_TRY(end_data_block());
  if (section_blocks_ > 0) KV_TRY(end_section());
  TableFooter footer;
  footer.salt = info_.salt;
  KV_ASSIGN(footer.index, append_block(top_.finish(), options_.compression));
  KV_ASSIGN(footer.properties, append_block(properties(), BlockCompression::none));
  pending_.append(encode_table_footer(footer));
  KV_TRY(write_pending());
  if (!KV_PLANTED(skip_table_sync)) KV_TRY(file_->sync());
  file_.reset();
  info_.file_bytes = written_;
  return info_;
}

}  // namespace kv
