// Putting, or deleting, a stream of records: pipelined, in batches, in bounded memory. A record
// that is bad, refused or unknown goes to the rejects file with its reason and costs only itself;
// the file is JSON Lines which, read again, tries once more what is worth it.
#pragma once

#include <optional>
#include <string>

#include "libkv/cli/exit_code.h"
#include "libkv/cli/message.h"
#include "libkv/cli/record_reader.h"
#include "libkv/command/session.h"

namespace kv {

struct BulkPutOptions {
  bool tombstones = false;  ///< Delete the keys that are read.
  PutMode mode = PutMode::over_what_is_there;
  std::optional<CausalContext> context;  ///< For every record that brings none.
  Duration ttl{};
  uint8_t w = 0;
  bool strict = false;
  std::optional<std::string> rejects;  ///< A file to be written.
  /// A file with the number of records that are settled; read first, kept up to date.
  std::optional<std::string> resume;
};

struct BulkPutFigures {
  uint64_t read = 0, skipped = 0, stored = 0, rejected = 0;
  ExitCode code = ExitCode::done;  ///< Of all outcomes together.
};

/// Runs until the end of the reader, which reads from `source`; while that has nothing to give,
/// what is on its way goes on. Messages name the records that were rejected (the first few of them,
/// where there is a rejects file). Errors: io of the input or of a file named in the options.
Result<BulkPutFigures> bulk_put(Session& session, RecordReader& reader, DescriptorSource& source,
                                const BulkPutOptions& options, const Messages& messages);

/// The closing line: `read 60000, stored 59999, rejected 1 in 3.2 s (18750/s)`.
std::string summary(const BulkPutFigures& figures, Duration took);

}  // namespace kv
