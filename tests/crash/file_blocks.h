// Where the blocks of a stored file lie: what a sweep of damages goes through. An SSTable's are
// found by its own footer and index, a log segment's are its records, and the others' are pages.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "libkv/base/assert.h"
#include "libkv/storage/log/log_scan.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/table_format.h"
#include "libkv/storage/table/table_index.h"

namespace kv {

struct FileBlock {
  const char* kind;
  uint64_t offset;
  uint64_t bytes;
};

/// REQUIRES: the table is sound.
inline std::vector<FileBlock> table_blocks(BytesView file) {
  const uint64_t footer_at = file.size() - kTableFooterBytes;
  const TableFooter footer = *decode_table_footer(file.substr(footer_at));
  std::vector<FileBlock> blocks = {{"footer", footer_at, kTableFooterBytes}};
  const auto add = [&blocks](const char* kind, BlockHandle handle) {
    blocks.push_back({kind, handle.offset, handle.payload_bytes + kBlockTrailerBytes});
  };
  const auto bytes_of = [&](BlockHandle handle) {
    const BytesView stored = file.substr(handle.offset, handle.payload_bytes + kBlockTrailerBytes);
    return *open_stored_block(stored, footer.salt, handle.offset);
  };
  const auto index_in = [](BytesView index) {
    return *TableIndex::parse(std::make_shared<const Block>(index));
  };
  add("index", footer.index);
  add("properties", footer.properties);
  const TableIndex sections = index_in(bytes_of(footer.index).view());
  for (size_t i = 0; i < sections.blocks(); ++i) {
    add("section", sections.handle(i));
    const BlockBytes section = bytes_of(sections.handle(i));
    const TableIndex index = index_in(split_section_block(section.view())->index);
    for (size_t j = 0; j < index.blocks(); ++j) add("data", index.handle(j));
  }
  return blocks;
}

/// `salt` is the segment's. What lies behind the last record is one block more.
inline std::vector<FileBlock> segment_blocks(BytesView file, uint64_t salt) {
  std::vector<FileBlock> blocks;
  const LogSegmentScan scan = scan_log_segment(file, salt);
  for (const LogRecord& record : scan.records) {
    const bool is_header = record.kind == LogRecordKind::segment_header;
    blocks.push_back({is_header ? "segment header" : "log record", record.offset,
                      log_record_bytes(record.payload.size())});
  }
  if (scan.end_offset < file.size())
    blocks.push_back({"log rest", scan.end_offset, file.size() - scan.end_offset});
  return blocks;
}

inline std::vector<FileBlock> page_blocks(const char* kind, BytesView file) {
  constexpr uint64_t kPageBytes = 4096;
  std::vector<FileBlock> blocks;
  for (uint64_t offset = 0; offset < file.size(); offset += kPageBytes)
    blocks.push_back({kind, offset, std::min<uint64_t>(kPageBytes, file.size() - offset)});
  return blocks;
}

}  // namespace kv
