// What the bytes of one log segment hold: every valid record, also those behind a bad one. What of
// it counts is log_chain.h's to say. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "libkv/storage/log/log_segment.h"

namespace kv {

/// What a segment's bytes hold. Views live as long as the bytes.
struct LogSegmentScan {
  std::vector<LogRecord> records;  ///< Valid ones in order; the segment's header among them.
  uint64_t end_offset = 0;         ///< Behind the last record before the first bad one.
  bool torn = false;  ///< What stands at end_offset is neither the clean end nor an earlier life's.
  std::optional<LogRecord> bad_payload;  ///< The last whose header holds, and whose payload not.
};
/// Finds every valid record, also those behind a bad one. Pure; `segment` may be hostile.
LogSegmentScan scan_log_segment(BytesView segment, uint64_t salt);

}  // namespace kv
