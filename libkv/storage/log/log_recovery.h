// Recovery of the commit log: applies what is whole, cuts a torn tail, and tells damage apart from
// it. Blocking file operations; changes nothing on the disk but to write the newest segment's
// records again as they are and sync them, so that a second recovery gives the same. What counts
// and what is damaged is log_chain.h's to say.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/log/log_segment.h"
#include "libkv/storage/memory/huge_page.h"

namespace kv {

/// As much is lost by one bad sector: what is asked for at once where not all can be had.
inline constexpr size_t kLogPieceBytes = 4096;
/// Reads the beginning of a file piece by piece. What the disk does not give is zeros, and told:
/// where the pieces begin.
std::vector<uint64_t> read_around(File& file, std::span<char> bytes);

/// A segment that recovery found; `last` is its last sequence.
struct OldLogSegment {
  std::string path;
  Sequence last;
  uint64_t bytes;
};

struct LogRecoveryOptions {
  std::string directory;
  uint64_t secret = 0;
  Sequence flushed = 0;        ///< Everything up to it is in SSTables.
  Sequence known_durable = 0;  ///< What the manifest knows to have been durable.
};

struct LogRecovery {
  Sequence last_sequence = 0;
  uint64_t next_number = 1;
  bool torn_tail = false;
  std::vector<CorruptRange> corruption;
  std::vector<OldLogSegment> segments;  ///< Oldest first.
};

/// What counts of one segment: the records above `flushed` that bring operations, in order.
struct RecoveredSegment {
  HugePageVector<char> bytes;  ///< Into which the records point.
  std::vector<LogRecord> records;

  BytesView view() const { return {bytes.data(), bytes.size()}; }
};

/// Calls `apply` for each segment that may hold what is not flushed, oldest first. It may go on
/// using the one before until it returns, and the last one for as long as it likes. Errors: io,
/// format.
Result<LogRecovery> recover_log(
    FileSystem& files, const LogRecoveryOptions& options,
    const std::function<void(std::shared_ptr<const RecoveredSegment>)>& apply);

}  // namespace kv
