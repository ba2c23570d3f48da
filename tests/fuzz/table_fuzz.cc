// The readers of an SSTable's parts over arbitrary bytes: stored blocks, footers, manifest rows.
// What lies in a block is block_fuzz's.
//
// Each input is also read as a compressed block whose checksum fits, so that what decompresses is
// reached and not only the checksum:
//
//   input := u16 length of the block | what it was compressed to
#include "libkv/base/assert.h"
#include "libkv/base/hash.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/table_format.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr uint64_t kSalt = 1, kOffset = 2;

std::string a_block() {
  kv::BlockBuilder block;
  for (int i = 0; i < 40; ++i) {
    const std::string key = "key" + std::to_string(100 + i);
    block.add({key, 9, kv::EntryKind::value, key});
  }
  return block.finish();
}

/// As append_stored_block() makes it, but of bytes that lz4 may not have made.
std::string sealed(kv::BytesView payload, uint16_t raw_bytes) {
  std::string stored(payload);
  kv::append_word<uint32_t>(stored, static_cast<uint32_t>(kv::BlockCompression::lz4));
  kv::append_word<uint32_t>(stored, raw_bytes);
  kv::append_word<uint64_t>(stored, kv::hash64(stored, kSalt + kOffset));
  return stored;
}

void decompress(kv::BytesView input) {
  if (input.size() < 2) return;
  const auto raw_bytes = kv::load_word<uint16_t>(input.data());
  const auto block = kv::open_stored_block(sealed(input.substr(2), raw_bytes), kSalt, kOffset);
  KV_ASSERT(block ? block->size() == raw_bytes : block.error().kind == kv::ErrorKind::corrupt);
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  const std::string plain = a_block();
  std::string stored, compressed;
  kv::append_stored_block(stored, plain, kv::BlockCompression::lz4, kSalt, kOffset);
  kv::append_word<uint16_t>(compressed, static_cast<uint16_t>(plain.size()));
  compressed += stored.substr(0, stored.size() - kv::kBlockTrailerBytes);
  kv::TableInfo info;
  info.first_key = "a";
  info.last_key = "b";
  const std::string row = kv::encode_table_info(info);
  info.given_sequence = 7;
  return {stored,
          compressed,
          kv::encode_table_footer({}),
          row,
          kv::encode_table_info(info),
          kv::encode_section_block({"a filter", "an index"})};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  (void)kv::open_stored_block(input, kSalt, kOffset);
  decompress(input);
  (void)kv::decode_table_footer(input);
  (void)kv::decode_block_handle(input);
  if (const auto parts = kv::split_section_block(input))
    KV_ASSERT(parts->filter.size() + parts->index.size() + 4 == size);
  const auto info = kv::decode_table_info(input);
  if (info) KV_ASSERT(info->first_key.size() + info->last_key.size() <= size);
  return 0;
}
