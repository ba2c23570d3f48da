// A block as it lies in a file: its bytes, compressed if that pays, and a trailer that proves them.
//
//   stored  := payload | trailer (16 bytes)
//   trailer := compression (u8: 0 none, 1 lz4) | 0 (3 bytes) | uncompressed length (u32)
//              | XXH3-64 of payload and the 8 bytes before (u64)
//
// The check is seeded with the table's salt and the block's offset, so that a whole block of
// another file or place does not pass. On disk: never change. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/limits.h"
#include "libkv/storage/memory/block_bytes.h"

namespace kv {

inline constexpr size_t kBlockTrailerBytes = 16;
/// No block is larger; what claims to be is corrupt. (A value may be 64 MiB, and a block holds it.)
inline constexpr uint64_t kBlockBytesMax = uint64_t{80} << 20;

/// Where a block's payload lies; the trailer follows it.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t payload_bytes = 0;
};

inline size_t stored_bytes(BlockHandle handle) {
  return static_cast<size_t>(handle.payload_bytes) + kBlockTrailerBytes;
}

enum class BlockCompression : uint8_t { none = 0, lz4 = 1 };

/// What a trailer says of its block.
struct BlockTrailer {
  BlockCompression compression = BlockCompression::none;
  uint32_t raw_bytes = 0;  ///< Of the block when it is not compressed.
};
/// REQUIRES: open_stored_block() took `stored`.
BlockTrailer trailer_of(BytesView stored);

/// Appends the stored form to `to`; returns the payload's length.
uint64_t append_stored_block(std::string& to, BytesView block, BlockCompression wanted,
                             uint64_t salt, uint64_t offset);

/// The block behind `stored` (payload and trailer). Errors: corrupt, format (unknown compression).
Result<BlockBytes> open_stored_block(BytesView stored, uint64_t salt, uint64_t offset);

/// What a file that is open does not give: a bad sector is damage of its place, as a bad checksum
/// is, and is told as such (ErrorKind::corrupt).
Error unreadable(const std::string& path, uint64_t offset, const Error& error);

/// Reads and verifies a block; errors name `path` and the offset. corrupt, format.
Result<BlockBytes> read_stored_block(File& file, const std::string& path, BlockHandle handle,
                                     uint64_t salt);
/// Of a payload. What is larger takes too long to unpack for a thread that others wait for; and it
/// is no more than one read beside the loop brings.
inline constexpr uint64_t kReadAtOnceBytesMax = limits::ring_read_bytes_max - kBlockTrailerBytes;
/// The same without waiting for the disk: nothing where that is needed.
/// REQUIRES: no more than kReadAtOnceBytesMax of payload.
Result<std::optional<BlockBytes>> read_cached_block(File& file, const std::string& path,
                                                    BlockHandle handle, uint64_t salt);
/// The block in what somebody else has read from its place; the same errors.
Result<BlockBytes> open_read_block(BytesView stored, const std::string& path, BlockHandle handle,
                                   uint64_t salt);

}  // namespace kv
