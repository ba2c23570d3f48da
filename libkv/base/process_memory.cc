#include "libkv/base/process_memory.h"

#include <cstdio>

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "libkv/base/posix_error.h"
#include "libkv/base/posix_file.h"

namespace kv {

uint64_t resident_bytes() {
  const Descriptor statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  if (statm.get() < 0) return 0;
  char text[128] = {};
  if (uninterrupted([&] { return ::read(statm.get(), text, sizeof(text) - 1); }) <= 0) return 0;
  unsigned long all_pages = 0, resident_pages = 0;
  if (std::sscanf(text, "%lu %lu", &all_pages, &resident_pages) != 2) return 0;
  return uint64_t{resident_pages} * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void trim_memory() {
  ::malloc_trim(0);
}

}  // namespace kv
