// One line of JSON Lines ⇄ key, value, context. nlohmann-json is included in json_record.cc alone.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

struct JsonRecord {
  std::string key;
  std::string value;
  std::optional<std::string> context;
};

/// Parses an object with "key" or "key_b64", "value" or "value_b64" (not both, not twice), and
/// "context" if any. Other members are passed over, so what kv-scan --meta wrote can be read. Takes
/// memory in proportion to the line, whatever it holds. The reason of an error is for a person.
Result<JsonRecord> parse_json_record(BytesView line, bool value_required);

}  // namespace kv
