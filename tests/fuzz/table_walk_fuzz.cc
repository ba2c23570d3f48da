// The walk over a whole table, and the reader that the engine has, over arbitrary files. Each input
// is read as a file, and as the blocks of one, which get the checksums and the footer that it takes
// to be read on:
//
//   input := (u16 length | bytes)*    the last two: top index, properties; for a table without
//                                     sections the last three: filter, index, properties
//
// and as one whose footer passes its check, for which it gives the places, in few bytes that make
// small numbers and, below zero, the largest:
//
//   input := (i16 offset | i16 length) of index, filter, properties | bytes
//
// Each as a table of this version, and of the last one without sections.
//
// A table of which the walk tells nothing must be read by the reader, entry by entry, to the same.
// What else the reader opens, it must come to an end of.
#include <map>

#include "libkv/base/assert.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/sstable_reader.h"
#include "libkv/storage/table/sstable_writer.h"
#include "libkv/storage/table/table_walk.h"
#include "tests/fuzz/byte_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/kit/version_two_table.h"

namespace {

constexpr const char* kPath = "data/000001.sst";
constexpr uint64_t kSalt = 5;

struct Collected final : kv::TableVisitor {
  void entry(const kv::Entry& entry, uint64_t) override {
    entries.push_back(std::string(entry.key) + '\0' + std::to_string(entry.sequence) + '\0' +
                      std::string(entry.value));
    bytes += entry.key.size();
  }
  void finding(const kv::Finding& finding) override { findings.push_back(kv::to_text(finding)); }
  std::vector<std::string> entries, findings;
  uint64_t bytes = 0;
};

void read_through(kv::ByteFiles& files, kv::TableInfo info, const Collected& walked) {
  info.number = 1;
  kv::BlockCache cache(1 << 20);
  kv::ReadCounters counters;
  kv::LookupCounts counts;
  const auto reader = kv::SstableReader::open(files, kPath, info, cache, counters, {});
  KV_ASSERT(reader.has_value());
  const auto entries = (*reader)->iterator(kv::ReadMode::bypass_cache);
  size_t seen = 0;
  for (entries->seek_to_first(); entries->valid(); entries->next(), ++seen) {
    const kv::Entry& entry = entries->entry();
    KV_ASSERT(seen < walked.entries.size());
    KV_ASSERT(walked.entries[seen] == std::string(entry.key) + '\0' +
                                          std::to_string(entry.sequence) + '\0' +
                                          std::string(entry.value));
    const auto section = (*reader)->load((*reader)->section_for(entry.key, entry.sequence));
    KV_ASSERT(section.has_value());
    const auto found = (*section)->find({entry.key, kv::key_hash(entry.key), entry.sequence},
                                        kv::ReadMode::fill_cache, counts);
    KV_ASSERT(found && found->outcome == kv::TableLookup::Outcome::found &&
              found->value.view() == entry.value);
  }
  KV_ASSERT(entries->status().has_value() && seen == walked.entries.size());
}

/// A damaged block is passed over, as a scan that is to save what it can does.
void read_damaged(kv::ByteFiles& files, const kv::TableFooter& footer, size_t file_bytes) {
  kv::TableInfo info;
  info.number = 1;
  info.salt = footer.salt;
  info.file_bytes = file_bytes;
  kv::BlockCache cache(1 << 20);
  kv::ReadCounters counters;
  kv::LookupCounts counts;
  const auto reader = kv::SstableReader::open(files, kPath, info, cache, counters, {});
  if (!reader) return;
  const auto section = (*reader)->load((*reader)->section_for("key101", kv::kNewest));
  if (section)
    (void)(*section)->find({"key101", kv::key_hash("key101")}, kv::ReadMode::fill_cache, counts);
  const auto entries = (*reader)->iterator(kv::ReadMode::bypass_cache);
  // Handles may all lead to one section, and its own to one block.
  const size_t steps_max = file_bytes * file_bytes * file_bytes;
  size_t steps = 0;
  entries->seek_to_first();
  do {
    for (; entries->valid(); entries->next()) KV_ASSERT(++steps <= steps_max);
  } while (entries->pass_over());
  const auto backward = (*reader)->iterator(kv::ReadMode::bypass_cache);
  backward->seek_before("key102");
  do {
    for (; backward->valid(); backward->prev()) KV_ASSERT(++steps <= 2 * steps_max);
  } while (backward->pass_over());
}

kv::Result<kv::TableFooter> footer_of(kv::BytesView file) {
  return kv::decode_table_footer(
      file.substr(file.size() - std::min(file.size(), kv::kTableFooterBytes)));
}

void walk(const std::string& file) {
  kv::ByteFiles files;
  files.put(kPath, file);
  Collected at_once, in_steps;
  const auto info = kv::walk_table(files, kPath, at_once);
  auto steps = *kv::TableWalk::open(files, kPath, in_steps);
  kv::Result<bool> is_over = false;
  for (size_t i = 0; is_over && !*is_over; ++i) {
    KV_ASSERT(i <= file.size());
    is_over = steps.step(1);
  }
  if (const auto footer = footer_of(file)) read_damaged(files, *footer, file.size());
  KV_ASSERT(is_over.has_value() == info.has_value());
  KV_ASSERT(at_once.entries == in_steps.entries && at_once.findings == in_steps.findings);
  if (!info) return;
  KV_ASSERT(info->entries == at_once.entries.size());
  if (at_once.findings.empty() && info->entries > 0) read_through(files, *info, at_once);
}

/// Nothing if it is not that many.
std::vector<std::string> parts_of(kv::BytesView input) {
  std::vector<std::string> parts;
  while (input.size() >= 2) {
    const size_t length = kv::load_word<uint16_t>(input.data());
    parts.emplace_back(input.substr(2, length));
    input.remove_prefix(std::min(input.size(), 2 + length));
  }
  return parts;
}

/// One of `version`, whose blocks are the parts.
std::string sealed_table(const std::vector<std::string>& parts, uint32_t version) {
  std::string file;
  std::vector<kv::BlockHandle> handles;
  for (const std::string& part : parts) {
    kv::BlockHandle handle{file.size(), 0};
    handle.payload_bytes =
        kv::append_stored_block(file, part, kv::BlockCompression::none, kSalt, handle.offset);
    handles.push_back(handle);
  }
  kv::TableFooter footer;
  footer.version = version;
  footer.salt = kSalt;
  if (version < kv::kTableVersionOfSections) footer.filter = handles[handles.size() - 3];
  footer.index = handles[handles.size() - 2];
  footer.properties = handles.back();
  return file + kv::encode_table_footer(footer);
}

kv::BlockHandle take_handle(kv::ByteReader& input) {
  const auto offset = input.take_word<int16_t>(), length = input.take_word<int16_t>();
  return {static_cast<uint64_t>(int64_t{offset}), static_cast<uint64_t>(int64_t{length})};
}

std::string with_footer(const std::string& input, uint32_t version) {
  kv::ByteReader reader(input);
  kv::TableFooter footer;
  footer.version = version;
  footer.salt = kSalt;
  footer.index = take_handle(reader);
  const kv::BlockHandle filter = take_handle(reader);
  if (version < kv::kTableVersionOfSections) footer.filter = filter;
  footer.properties = take_handle(reader);
  return input + kv::encode_table_footer(footer);
}

/// A table's file, of some versions of some keys.
std::string table(uint32_t block_bytes, int keys) {
  kv::ByteFiles files;
  kv::TableInfo info;
  info.salt = kSalt;
  kv::SstableWriter writer(*files.open(kPath, kv::OpenMode::write_new),
                           {block_bytes, 10, kv::BlockCompression::none, 2}, info);
  for (int i = 0; i < keys; ++i) {
    const std::string key = "key" + std::to_string(100 + i);
    for (const kv::Sequence sequence : {50u, 7u})
      KV_ASSERT(writer.add({key, sequence, kv::EntryKind::value, "value of " + key}));
  }
  KV_ASSERT(writer.finish());
  return *files.files[kPath];
}

/// The table's blocks as the input has them.
std::string as_parts(const std::string& file) {
  struct Blocks final : kv::TableVisitor {
    void block(const kv::TableBlock& block) override {
      by_offset[block.handle.offset] = block.handle;
    }
    std::map<uint64_t, kv::BlockHandle> by_offset;
  } blocks;
  kv::ByteFiles files;
  files.put(kPath, file);
  KV_ASSERT(kv::walk_table(files, kPath, blocks));
  std::string input;
  for (const auto& [offset, handle] : blocks.by_offset) {
    kv::append_word<uint16_t>(input, static_cast<uint16_t>(handle.payload_bytes));
    input += file.substr(offset, handle.payload_bytes);
  }
  return input;
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  const std::string small = table(100, 4), large = table(300, 30), old = kv::version_two_table();
  return {as_parts(small), as_parts(large), as_parts(old), small, old};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  walk(input);
  const auto parts = parts_of(input);
  for (const uint32_t version : {kv::kTableVersion, kv::kTableVersionOfSections - 1}) {
    if (parts.size() >= 3) walk(sealed_table(parts, version));
    walk(with_footer(input, version));
  }
  return 0;
}
