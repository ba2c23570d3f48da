// Which segments of a commit log may hold what is not flushed: for recovery, and for the offline
// tools, which must pass over the same. Blocking file operations; nothing is written.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/storage/engine.h"

namespace kv {

struct LogSegmentFile {
  std::string path;
  uint64_t number = 0;
};

/// The first sequence that the segment may hold, by its header; 0: the header does not say, or
/// cannot be read. Errors: not_found, io.
Result<Sequence> first_sequence_of(FileSystem& files, const LogSegmentFile& segment,
                                   uint64_t secret);

/// All up to it had been synced when the segment behind `segments[index]` was begun, as that one's
/// header says; 0: it does not, or another stood between. Errors: not_found, io.
Result<Sequence> synced_before_next(FileSystem& files, const std::vector<LogSegmentFile>& segments,
                                    size_t index, uint64_t secret);

/// The index of the first segment, of some that are in order, which may hold what is not flushed:
/// the newest that begins at or below it, by its header. Those before it are spares by now, or
/// about to be; what they hold above `flushed` was cut by a recovery, and written anew since.
/// Errors: not_found, io.
Result<size_t> first_wanted_segment(FileSystem& files, const std::vector<LogSegmentFile>& segments,
                                    uint64_t secret, Sequence flushed);

}  // namespace kv
