// Memory in pieces that the kernel may back with one page each: one fault to clear it all, and one
// entry of the translation buffers for what otherwise takes 512. Thread-safe.
#pragma once

#include <cstddef>
#include <new>

#include <sys/mman.h>

namespace kv {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;
inline constexpr auto kHugePageAlignment = std::align_val_t{kHugePageBytes};

/// For `::operator delete(piece, kHugePageAlignment)`.
inline char* new_huge_page() {
  auto* const piece = static_cast<char*>(::operator new(kHugePageBytes, kHugePageAlignment));
#ifdef MADV_HUGEPAGE
  // A wish: the memory is as good without.
  static_cast<void>(madvise(piece, kHugePageBytes, MADV_HUGEPAGE));
#endif
  return piece;
}

/// Gives whole pages within `piece` back to the system; they are zeros when they are used again.
/// From then on all of it is small pages: else the kernel might fill the gap to make it one again.
inline void release_pages(char* piece, char* begin, size_t bytes) {
#ifdef MADV_NOHUGEPAGE
  static_cast<void>(madvise(piece, kHugePageBytes, MADV_NOHUGEPAGE));
#endif
  static_cast<void>(madvise(begin, bytes, MADV_DONTNEED));
}

}  // namespace kv
