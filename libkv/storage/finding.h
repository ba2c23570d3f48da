// One thing that was found in a file, as the offline tools tell it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "libkv/base/result.h"

namespace kv {

struct Finding {
  enum class Severity {
    note,     ///< Nothing is wrong: a crash leaves such behind, and the next start clears it away.
    corrupt,  ///< Bytes are not what was written.
  };
  Severity severity = Severity::corrupt;
  std::string file;
  std::optional<uint64_t> offset;
  std::string what;  ///< A phrase without a final period.
};

/// `FILE: offset N: what`
inline std::string to_text(const Finding& finding) {
  std::string text = finding.file;
  if (finding.offset) text.append(": offset ").append(std::to_string(*finding.offset));
  return text.append(": ").append(finding.what);
}

using TellFinding = std::function<void(const Finding&)>;

}  // namespace kv
