// What stands around the data blocks of an SSTable, and what the manifest says about one.
//
//   table   := (data block* | section block)* | top index block | properties block | footer
//   section block := bytes of the filter (u32) | filter | index
//   footer  := top index, 0 0, properties (each offset u64, payload bytes u64) | salt (u64)
//              | version (u32) | 0 (u32) | XXH3-64 of the 64 bytes before (u64) | magic (u64)
//
// Every block is a stored block (stored_block.h). An index, and the top index, are blocks of
// entries (block_builder.h): for each data block of the section, and for each section, its last key
// and sequence, and as value the handle of the data block or the section block (two varints). The
// filter is of the section's keys. The properties are entries by name; unknown names are ignored,
// so that later versions may add some.
//
// Before version 3 all data blocks are one section, whose filter and index are blocks of their own:
//
//   table   := data block* | filter block | index block | properties block | footer
//   footer  := index, filter, properties | …
//
// On disk: never change; a new layout is a new version. Pure; all bytes may be hostile.
#pragma once

#include <string>

#include "libkv/storage/engine.h"
#include "libkv/storage/table/stored_block.h"

namespace kv {

inline constexpr uint32_t kTableVersion = 3;  // 2: data blocks may have a hash index.
inline constexpr uint32_t kTableVersionOfSections = 3;
inline constexpr size_t kTableFooterBytes = 80;

struct TableFooter {
  BlockHandle index;   ///< The top index, if the table has sections.
  BlockHandle filter;  ///< Then nothing.
  BlockHandle properties;
  uint64_t salt = 0;
  uint32_t version = kTableVersion;
};
std::string encode_table_footer(const TableFooter& footer);
/// corrupt, or format if a newer version wrote it.
Result<TableFooter> decode_table_footer(BytesView bytes);

/// What a section block holds.
struct SectionParts {
  BytesView filter, index;
};
std::string encode_section_block(const SectionParts& parts);
/// Views into `block`. Errors: corrupt.
Result<SectionParts> split_section_block(BytesView block);

std::string encode_block_handle(BlockHandle handle);
Result<BlockHandle> decode_block_handle(BytesView bytes);

/// One table, as its row in the manifest and its own properties tell.
struct TableInfo {
  uint64_t number = 0;  ///< Its file's name.
  uint32_t level = 0;
  uint64_t file_bytes = 0;
  uint64_t salt = 0;
  uint64_t entries = 0, removals = 0;
  uint64_t raw_bytes = 0;  ///< Of keys and values.
  Sequence sequence_min = 0, sequence_max = 0;
  /// Of every entry, in place of what the file says: the table was ingested. 0: the file is right.
  Sequence given_sequence = 0;
  int64_t created_us = 0;  ///< Wall time, microseconds since 1970.
  std::string first_key, last_key;
};
std::string encode_table_info(const TableInfo& info);
Result<TableInfo> decode_table_info(BytesView bytes);

}  // namespace kv
