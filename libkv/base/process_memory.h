// What this process has in memory, as the system counts it.
#pragma once

#include <cstdint>

namespace kv {

/// Bytes that are resident, pages of files included (VmRSS of proc(5)); 0 if they cannot be told.
/// Takes microseconds. Thread-safe.
uint64_t resident_bytes();

/// Gives back to the system what the allocator keeps of memory that was freed. Takes milliseconds,
/// in which other threads may wait for the allocator. Thread-safe.
void trim_memory();

}  // namespace kv
