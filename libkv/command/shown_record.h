// A record as commands print it: its one value, or its siblings, in one of the formats.
#pragma once

#include <optional>
#include <string>

#include "libkv/cli/record.h"
#include "libkv/cli/record_writer.h"
#include "libkv/model/record.h"

namespace kv {

struct ShowOptions {
  bool siblings = false;  ///< JSON Lines with a line for each, and its dot.
  bool meta = false;      ///< JSON Lines: timestamp, expiry and size, too.
  bool context = false;   ///< JSON Lines: the causal context, too.
};

/// Writes the record's value, or its siblings where they were asked for.
/// Errors: conflict (siblings, and one value was to be printed), invalid (the format cannot hold
/// it), io. REQUIRES: the record has at least one sibling; options other than the defaults only
/// with RecordFormat::json_lines.
Status show(BytesView key, const Record& record, const ShowOptions& options, RecordWriter& writer);

/// `2026-11-21T01:02:03.123456Z`
std::string time_text(WallTime time);

}  // namespace kv
