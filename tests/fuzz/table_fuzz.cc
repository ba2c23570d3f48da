// The readers of an SSTable's parts over arbitrary bytes: blocks with and without their checksum,
// filters, footers, manifest rows.
#include "libkv/base/assert.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_format.h"
#include "libkv/storage/table/table_index.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

void walk(std::string bytes) {
  const size_t size = bytes.size();
  kv::BlockIterator entries(std::make_shared<const kv::Block>(std::move(bytes)));
  size_t steps = 0;
  for (entries.seek_to_first(); entries.valid(); entries.next()) KV_ASSERT(++steps <= size);
  // Backward, hostile offsets may lead to fewer entries, never to endless ones.
  steps = 0;
  for (entries.seek_to_last(); entries.valid(); entries.prev()) KV_ASSERT(++steps <= size);
  entries.seek("key5", 7);
  entries.seek_before("key5");
  bool corrupt = false;
  (void)entries.block()->find("key5", kv::key_hash("key5"), 7, &corrupt);
  (void)kv::TableIndex::parse(entries.block());
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  kv::BlockBuilder block;
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key" + std::to_string(100 + i);
    block.add({key, 9, kv::EntryKind::value, key}, kv::key_hash(key));
  }
  const std::string plain = block.finish();
  std::string stored;
  kv::append_stored_block(stored, plain, kv::BlockCompression::lz4, 1, 2);
  kv::BloomFilterBuilder bloom(10);
  bloom.add(kv::key_hash("key"));
  kv::TableInfo info;
  info.first_key = "a";
  info.last_key = "b";
  const std::string row = kv::encode_table_info(info);
  info.given_sequence = 7;
  return {
      plain, stored, bloom.finish(), kv::encode_table_footer({}), row, kv::encode_table_info(info)};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  walk(input);
  (void)kv::open_stored_block(input, 1, 2);
  (void)kv::decode_table_footer(input);
  (void)kv::decode_block_handle(input);
  (void)kv::bloom_may_contain(input, kv::key_hash("key"));
  const auto info = kv::decode_table_info(input);
  if (info) KV_ASSERT(info->first_key.size() + info->last_key.size() <= size);
  return 0;
}
