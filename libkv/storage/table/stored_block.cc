#include "libkv/storage/table/stored_block.h"

#include <memory>

#include <lz4.h>

#include "libkv/base/assert.h"
#include "libkv/base/hash.h"
#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr size_t kTrailerHeadBytes = 8;

/// lz4 of `block` in `to` if it saves at least an eighth.
bool compress(BytesView block, std::string* to) {
  if (block.size() > LZ4_MAX_INPUT_SIZE) return false;
  const int limit = static_cast<int>(block.size() - block.size() / 8);
  to->resize(static_cast<size_t>(limit));
  const int written =
      LZ4_compress_default(block.data(), to->data(), static_cast<int>(block.size()), limit);
  if (written <= 0) return false;
  to->resize(static_cast<size_t>(written));
  return true;
}

Result<BlockBytes> decompress(BytesView payload, uint32_t raw_bytes) {
  BlockBytes raw = BlockBytes::of_size(raw_bytes);
  const int written = LZ4_decompress_safe(
      payload.data(), raw.data(), static_cast<int>(payload.size()), static_cast<int>(raw_bytes));
  if (written < 0 || static_cast<uint32_t>(written) != raw_bytes)
    return fail(ErrorKind::corrupt, "the block does not decompress");
  return raw;
}

}  // namespace

BlockTrailer trailer_of(BytesView stored) {
  const char* trailer = stored.data() + stored.size() - kBlockTrailerBytes;
  return {static_cast<BlockCompression>(load_word<uint32_t>(trailer)),
          load_word<uint32_t>(trailer + 4)};
}

uint64_t append_stored_block(std::string& to, BytesView block, BlockCompression wanted,
                             uint64_t salt, uint64_t offset) {
  std::string compressed;
  const bool pays = wanted == BlockCompression::lz4 && compress(block, &compressed);
  const BytesView payload = pays ? BytesView(compressed) : block;
  const size_t begin = to.size();
  to.append(payload);
  append_word<uint32_t>(
      to, static_cast<uint32_t>(pays ? BlockCompression::lz4 : BlockCompression::none));
  append_word<uint32_t>(to, static_cast<uint32_t>(block.size()));
  append_word<uint64_t>(to, hash64(BytesView(to).substr(begin), salt + offset));
  return payload.size();
}

Result<BlockBytes> open_stored_block(BytesView stored, uint64_t salt, uint64_t offset) {
  if (stored.size() < kBlockTrailerBytes) return fail(ErrorKind::corrupt, "the block is cut short");
  const BytesView payload = stored.substr(0, stored.size() - kBlockTrailerBytes);
  const char* trailer = payload.data() + payload.size();
  const BytesView checked = stored.substr(0, payload.size() + kTrailerHeadBytes);
  if (load_word<uint64_t>(trailer + kTrailerHeadBytes) != hash64(checked, salt + offset) &&
      !KV_PLANTED(serve_corrupt_block))
    return fail(ErrorKind::corrupt, "the block's checksum does not match");
  const auto compression = load_word<uint32_t>(trailer);
  const auto raw_bytes = load_word<uint32_t>(trailer + 4);
  if (compression == static_cast<uint32_t>(BlockCompression::none)) return BlockBytes(payload);
  if (compression != static_cast<uint32_t>(BlockCompression::lz4))
    return fail(ErrorKind::format, "unknown compression " + std::to_string(compression));
  if (raw_bytes > kBlockBytesMax) return fail(ErrorKind::corrupt, "the block's length is absurd");
  return decompress(payload, raw_bytes);
}

namespace {

Error located(const std::string& path, uint64_t offset, const Error& error) {
  return {error.kind, path + ": offset " + std::to_string(offset) + ": " + error.what};
}
Error located(const std::string& path, BlockHandle handle, const Error& error) {
  return located(path, handle.offset, error);
}

}  // namespace

Error unreadable(const std::string& path, uint64_t offset, const Error& error) {
  return located(path, offset, {ErrorKind::corrupt, without_path(path, error)});
}

Result<BlockBytes> open_read_block(BytesView stored, const std::string& path, BlockHandle handle,
                                   uint64_t salt) {
  auto block = open_stored_block(stored, salt, handle.offset);
  if (!block) return fail(located(path, handle, block.error()));
  return block;
}

Result<BlockBytes> read_stored_block(File& file, const std::string& path, BlockHandle handle,
                                     uint64_t salt) {
  if (handle.payload_bytes > kBlockBytesMax)
    return fail(located(path, handle, {ErrorKind::corrupt, "the block's length is absurd"}));
  const size_t wanted = stored_bytes(handle);
  const auto stored = std::make_unique_for_overwrite<char[]>(wanted);
  const auto read = file.read_at(handle.offset, {stored.get(), wanted});
  if (!read) return fail(unreadable(path, handle.offset, read.error()));
  if (*read != wanted)
    return fail(located(path, handle, {ErrorKind::corrupt, "the file is cut short"}));
  return open_read_block({stored.get(), wanted}, path, handle, salt);
}

Result<std::optional<BlockBytes>> read_cached_block(File& file, const std::string& path,
                                                    BlockHandle handle, uint64_t salt) {
  char stored[kReadAtOnceBytesMax + kBlockTrailerBytes];  // Not cleared: most of it is not used.
  const size_t wanted = stored_bytes(handle);
  KV_ASSERT(wanted <= sizeof(stored));
  const auto read = file.read_cached_at(handle.offset, {stored, wanted});
  if (!read) return fail(unreadable(path, handle.offset, read.error()));
  if (*read != wanted) return std::optional<BlockBytes>();
  KV_ASSIGN(BlockBytes block, open_read_block({stored, wanted}, path, handle, salt));
  return std::optional<BlockBytes>(std::move(block));
}

}  // namespace kv
