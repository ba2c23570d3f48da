// What a coordinator answered, as the errors and exit codes that users know. Pure.
#pragma once

#include <string>

#include "libkv/base/result.h"
#include "libkv/protocol/answer.h"

namespace kv {

/// REQUIRES: answer is not ok. `detail` is the coordinator's own phrase, if it sent one.
Error error_of(Answer answer, const std::string& detail);

/// The same of a change: an answer that is not known here may mean that it was made.
Error error_of_change(Answer answer, const std::string& detail);

}  // namespace kv
