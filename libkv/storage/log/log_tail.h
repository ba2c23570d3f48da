// The page of a log segment that is being filled, kept so that a synced group can be written as
// whole pages (File::write_synced_at): with it go the records that already stand in that page,
// unchanged, and zeros behind the last.
//
// Writing a page again does not endanger what stands in it: a crash leaves of each sector the old
// bytes or the new, and for those records they are the same.
#pragma once

#include <cstddef>

#include "libkv/base/bytes.h"
#include "libkv/base/page_buffer.h"

namespace kv {

class LogTail {
 public:
  /// Groups above it are written as they are: there the page cache is no detour any more.
  static constexpr size_t kGroupBytesMax = 256 << 10;

  /// A new segment begins.
  void begin() { used_ = 0; }
  /// `bytes` were written behind what stands there.
  void note(BytesView bytes);

  struct Pages {
    uint64_t offset;  ///< In the segment.
    BytesView bytes;  ///< Live until the next call.
  };
  /// The pages in which `bytes` come to stand that follow offset `end`, the end of what stands
  /// there. REQUIRES: no more than kGroupBytesMax.
  Pages with(uint64_t end, BytesView bytes);

 private:
  static constexpr size_t kBytes = kGroupBytesMax + kFilePageBytes;

  char* pages();

  PageBuffer pages_;  // Made at first use.
  size_t used_ = 0;   // Of the first one, which is the one being filled.
};

}  // namespace kv
