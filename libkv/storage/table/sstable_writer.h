// Writes one SSTable from entries in order: data blocks as they fill, behind some hundreds of them
// their section block, at last top index, properties and footer (table_format.h). Blocking; one
// thread at a time.
#pragma once

#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

struct TableOptions {
  uint32_t block_bytes = 4u << 10;
  uint32_t bloom_bits_per_key = 10;
  BlockCompression compression = BlockCompression::lz4;
  uint32_t section_blocks = 256;  ///< Less where the section would be too large all the same.
};

class SstableWriter {
 public:
  /// `info` brings number, level, salt and creation time. The writer owns the file.
  SstableWriter(std::unique_ptr<File> file, const TableOptions& options, TableInfo info);

  /// REQUIRES: `entry` stands after the last one added. Errors: io, no_space; then give up.
  Status add(const Entry& entry);
  /// Writes what is left and syncs the file (not its directory). REQUIRES: something was added.
  Result<TableInfo> finish();

  bool empty() const { return info_.entries == 0; }
  /// About what the file would have if it were finished now.
  uint64_t file_bytes() const { return written_ + pending_.size() + data_.size_bytes(); }
  /// Its top index, which a reader holds whole, is as large as it should ever be.
  bool is_full() const { return top_.size_bytes() >= kTopIndexBytesFull; }

 private:
  /// Far below what a reader takes for absurd (kBlockBytesMax).
  static constexpr size_t kTopIndexBytesFull = 16u << 20;

  Status end_data_block();
  bool section_is_full() const;
  Status end_section();
  Result<BlockHandle> append_block(BytesView block, BlockCompression compression);
  Status write_pending();
  std::string properties() const;

  std::unique_ptr<File> file_;
  const TableOptions options_;
  TableInfo info_;
  BlockBuilder data_{4};
  BlockBuilder index_{1};  // Of the section.
  BlockBuilder top_{1};
  BloomFilterBuilder bloom_;  // Of the section.
  uint64_t section_blocks_ = 0, section_keys_ = 0;
  uint64_t key_hash_ = 0;  // Of the last key.
  Sequence last_sequence_ = 0;
  std::string pending_;  // Collected, so that the file is written in large pieces.
  uint64_t written_ = 0;
};

}  // namespace kv
