// Memory in pieces that the kernel may back with one page each: one fault to clear it all, and one
// entry of the translation buffers for what otherwise takes 512. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

namespace kv {

inline constexpr size_t kHugePageBytes = size_t{2} << 20;
inline constexpr auto kHugePageAlignment = std::align_val_t{kHugePageBytes};

/// `count` of them in a row, for `::operator delete(pages, kHugePageAlignment)`.
inline char* new_huge_pages(size_t count) {
  const size_t bytes = count * kHugePageBytes;
  auto* const pages = static_cast<char*>(::operator new(bytes, kHugePageAlignment));
#ifdef MADV_HUGEPAGE
  // A wish: the memory is as good without.
  static_cast<void>(madvise(pages, bytes, MADV_HUGEPAGE));
#endif
  return pages;
}

/// For containers that are large and soon gone, of which fresh memory is the better part of the
/// cost. What they hold is not cleared where it is not given.
template <typename T>
struct HugePageAllocator {
  using value_type = T;
  HugePageAllocator() = default;
  template <typename U>
  HugePageAllocator(const HugePageAllocator<U>&) {}  // NOLINT: as allocators convert.

  T* allocate(size_t count) {
    void* const memory = is_large(count)
                             ? new_huge_pages((count * sizeof(T) - 1) / kHugePageBytes + 1)
                             : ::operator new(count * sizeof(T));
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, size_t count) {
    is_large(count) ? ::operator delete(memory, kHugePageAlignment) : ::operator delete(memory);
  }
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Arguments>
  void construct(U* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) U(std::forward<Arguments>(arguments)...);
  }
  friend bool operator==(const HugePageAllocator&, const HugePageAllocator&) { return true; }

 private:
  /// Else a page would be mostly air.
  static bool is_large(size_t count) { return count * sizeof(T) >= kHugePageBytes / 8; }
};
template <typename T>
using HugePageVector = std::vector<T, HugePageAllocator<T>>;

/// Gives the pages that are whole within `bytes` from `begin`, which end with a page, back to the
/// system; they are zeros when they are used again. From then on all of `piece`, a huge page, is
/// small pages: else the kernel might fill the gap to make it one again. A wish, too.
inline void release_pages(char* piece, char* begin, size_t bytes) {
#ifdef MADV_NOHUGEPAGE
  static_cast<void>(madvise(piece, kHugePageBytes, MADV_NOHUGEPAGE));
#endif
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t before = (page - reinterpret_cast<uintptr_t>(begin) % page) % page;
  if (before < bytes) static_cast<void>(madvise(begin + before, bytes - before, MADV_DONTNEED));
}

}  // namespace kv
