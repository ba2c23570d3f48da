// Reads a commit log, changing nothing, and tells what is in it, where each segment ends and why,
// and what is wrong: for tools that look at files nobody serves.
//
// Without the directory's secret a segment is read by the salt that its own header names, which the
// header's checksum proves. Then a segment whose header is damaged cannot be read at all.
//
// Each segment is judged by itself, for those that were flushed are kept for their next life, not
// all of them, and their records are as much to be verified. Where the metadata is known, those
// that recovery would read are judged together, too. What is told at one place is told once: where
// damage is, no torn end is.
//
// Blocking file operations; two segments in memory, since where one should have ended the next may
// say. One thread's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/storage/finding.h"
#include "libkv/storage/log/log_chain.h"

namespace kv {

/// No segment is larger: the largest group and its header. A file that is, is not read.
inline constexpr uint64_t kLogSegmentBytesMax = uint64_t{1} << 30;

struct LogSurveyOptions {
  std::vector<std::string> paths;   ///< The segments, oldest first: each named as log_file_name().
  std::string directory;            ///< Named where what is missing is no segment's.
  std::optional<uint64_t> secret;   ///< Absent: each segment's own header is trusted.
  std::optional<Sequence> flushed;  ///< All up to it may be missing. Absent, or no secret: the
                                    ///< segments are not judged together.
  Sequence known_durable = 0;       ///< What the manifest knows to have been durable.
};

/// One segment. Views live until the call that told of it returns.
struct SurveyedSegment {
  std::string path;
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  std::optional<LogSegmentHeader> header;
  LogSegmentScan scan;
  uint64_t end_offset = 0;     ///< Behind the last record that counts.
  LogEnd end = LogEnd::clean;  ///< Damaged: whatever finding there is of it that is no note.
};

struct LogSurvey {
  Sequence last_sequence = 0;
  uint64_t segments = 0, records = 0, operations = 0;
  std::vector<CorruptRange> corruption;  ///< What recovery would report of this log.
};

/// Calls `segment` for each, in order, and `finding` for what is wrong with it and with what they
/// hold together; a torn end is a note. Errors: not_found, invalid (a file that is not named as a
/// segment), io, format.
Result<LogSurvey> survey_log(FileSystem& files, const LogSurveyOptions& options,
                             const std::function<void(const SurveyedSegment&)>& segment,
                             const TellFinding& finding);

}  // namespace kv
