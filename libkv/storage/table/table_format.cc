#include "libkv/storage/table/table_format.h"

#include "libkv/base/hash.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr uint64_t kTableMagic = 0x31656c626174766b;  // "kvtable1" as bytes
constexpr size_t kCheckedFooterBytes = 64;
constexpr uint32_t kTableInfoVersion = 1;
constexpr uint32_t kIngestedInfoVersion = 2;  // It ends with the sequence that was given.

void append_handle(std::string& to, BlockHandle handle) {
  append_word<uint64_t>(to, handle.offset);
  append_word<uint64_t>(to, handle.payload_bytes);
}

BlockHandle take_handle(ByteReader& reader) {
  const auto offset = reader.take_word<uint64_t>();
  return {offset, reader.take_word<uint64_t>()};
}

}  // namespace

std::string encode_table_footer(const TableFooter& footer) {
  std::string bytes;
  append_handle(bytes, footer.index);
  append_handle(bytes, footer.filter);
  append_handle(bytes, footer.properties);
  append_word<uint64_t>(bytes, footer.salt);
  append_word<uint32_t>(bytes, footer.version);
  append_word<uint32_t>(bytes, 0);
  append_word<uint64_t>(bytes, hash64(bytes));
  append_word<uint64_t>(bytes, kTableMagic);
  return bytes;
}

Result<TableFooter> decode_table_footer(BytesView bytes) {
  if (bytes.size() != kTableFooterBytes) return fail(ErrorKind::corrupt, "the footer is cut short");
  ByteReader reader(bytes);
  TableFooter footer;
  footer.index = take_handle(reader);
  footer.filter = take_handle(reader);
  footer.properties = take_handle(reader);
  footer.salt = reader.take_word<uint64_t>();
  footer.version = reader.take_word<uint32_t>();
  reader.take_word<uint32_t>();
  const auto check = reader.take_word<uint64_t>();
  if (reader.take_word<uint64_t>() != kTableMagic)
    return fail(ErrorKind::corrupt, "the footer is not that of a table");
  if (check != hash64(bytes.substr(0, kCheckedFooterBytes)))
    return fail(ErrorKind::corrupt, "the footer's checksum does not match");
  if (footer.version > kTableVersion)
    return fail(ErrorKind::format, "table format " + std::to_string(footer.version) + " is newer");
  const bool names_filter = footer.filter.offset != 0 || footer.filter.payload_bytes != 0;
  if (footer.version >= kTableVersionOfSections && names_filter)
    return fail(ErrorKind::corrupt, "the footer names a filter");
  return footer;
}

std::string encode_section_block(const SectionParts& parts) {
  std::string bytes;
  append_word<uint32_t>(bytes, static_cast<uint32_t>(parts.filter.size()));
  bytes.append(parts.filter).append(parts.index);
  return bytes;
}

Result<SectionParts> split_section_block(BytesView block) {
  ByteReader reader(block);
  const auto filter_bytes = reader.take_word<uint32_t>();
  if (!reader.ok() || filter_bytes > block.size() - sizeof(filter_bytes))
    return fail(ErrorKind::corrupt, "a section block does not parse");
  const BytesView rest = block.substr(sizeof(filter_bytes));
  return SectionParts{rest.substr(0, filter_bytes), rest.substr(filter_bytes)};
}

std::string encode_block_handle(BlockHandle handle) {
  std::string bytes;
  append_varint(bytes, handle.offset);
  append_varint(bytes, handle.payload_bytes);
  return bytes;
}

Result<BlockHandle> decode_block_handle(BytesView bytes) {
  ByteReader reader(bytes);
  BlockHandle handle;
  handle.offset = reader.take_varint();
  handle.payload_bytes = reader.take_varint();
  if (!reader.ok()) return fail(ErrorKind::corrupt, "an index entry does not parse");
  return handle;
}

std::string encode_table_info(const TableInfo& info) {
  std::string bytes;
  append_varint(bytes, info.given_sequence == 0 ? kTableInfoVersion : kIngestedInfoVersion);
  append_varint(bytes, info.number);
  append_varint(bytes, info.level);
  append_varint(bytes, info.file_bytes);
  append_word<uint64_t>(bytes, info.salt);
  append_varint(bytes, info.entries);
  append_varint(bytes, info.removals);
  append_varint(bytes, info.raw_bytes);
  append_varint(bytes, info.sequence_min);
  append_varint(bytes, info.sequence_max);
  append_word<int64_t>(bytes, info.created_us);
  append_sized(bytes, info.first_key);
  append_sized(bytes, info.last_key);
  if (info.given_sequence != 0) append_varint(bytes, info.given_sequence);
  return bytes;
}

Result<TableInfo> decode_table_info(BytesView bytes) {
  ByteReader reader(bytes);
  const uint64_t version = reader.take_varint();
  if (reader.ok() && version > kIngestedInfoVersion)
    return fail(ErrorKind::format, "manifest row version " + std::to_string(version) + " is newer");
  TableInfo info;
  info.number = reader.take_varint();
  info.level = static_cast<uint32_t>(reader.take_varint());
  info.file_bytes = reader.take_varint();
  info.salt = reader.take_word<uint64_t>();
  info.entries = reader.take_varint();
  info.removals = reader.take_varint();
  info.raw_bytes = reader.take_varint();
  info.sequence_min = reader.take_varint();
  info.sequence_max = reader.take_varint();
  info.created_us = reader.take_word<int64_t>();
  info.first_key = reader.take_sized();
  info.last_key = reader.take_sized();
  if (version == kIngestedInfoVersion) info.given_sequence = reader.take_varint();
  if (!reader.ok()) return fail(ErrorKind::corrupt, "a manifest row does not parse");
  return info;
}

}  // namespace kv
