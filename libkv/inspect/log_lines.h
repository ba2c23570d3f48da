// The lines in which kv-log tells of a log: a segment, a record or an operation each, as fields
// with tabs between or as JSON. Pure.
#pragma once

#include <string>

#include "libkv/storage/log/log_survey.h"

namespace kv {

struct LogLineForm {
  bool json = false;
  bool values = false;  ///< With an operation's value.
};

std::string line_of(const SurveyedSegment& segment, const LogLineForm& form);
std::string line_of(const SurveyedSegment& segment, const LogRecord& record,
                    const LogLineForm& form);
/// A line for each operation of the record; empty if it has none.
std::string lines_of_operations(const SurveyedSegment& segment, const LogRecord& record,
                                const LogLineForm& form);
/// What there is to say of a log, or of a segment alone, once it is verified.
std::string verdict_line(const std::string& path, const LogSurvey& log, uint64_t findings,
                         bool json);

}  // namespace kv
