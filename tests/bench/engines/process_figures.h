// What the system knows about this process and about an engine's files: processor time, bytes
// written, bytes on disk, pages in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv::bench {

/// CLOCK_MONOTONIC.
Instant monotonic_now();

/// Of all threads, in user and kernel, since the start.
double cpu_seconds();

/// What this process has written to files, by /proc/self/io.
struct WrittenBytes {
  /// `wchar`: handed to the system by calls. Exact, but stores to mapped files are not in it.
  uint64_t by_calls = 0;
  /// `write_bytes`: made dirty. Not exact: a store of a few bytes counts as the page's whole folio,
  /// which newer kernels make as large as a mebibyte.
  uint64_t made_dirty = 0;
};
/// Nothing where that may not be read.
std::optional<WrittenBytes> process_written_bytes();

/// What the files in and under the directory take up. Holes do not count, nor does what was
/// allocated beyond a file's end.
uint64_t disk_bytes(const std::string& directory);

/// Syncs each file and asks the system to forget its pages (posix_fadvise(2), POSIX_FADV_DONTNEED).
/// Only what no process has mapped goes, so the engine must be closed. Other files' pages stay.
Status drop_from_page_cache(const std::string& directory);

/// Returns when every other thread of this process has slept, in all samples, for a fifth of a
/// second (none was running, ready to run or waiting for a disk), with the instant since when.
Instant wait_until_threads_sleep();

/// Makes it anew, empty.
Status make_empty_directory(const std::string& directory);

}  // namespace kv::bench
