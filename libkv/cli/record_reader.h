// Reads records of one format, streaming, in memory bounded by the limits. A malformed or oversized
// record is reported with its place and reason and costs only itself. Not thread-safe; does not
// own the source.
#pragma once

#include <memory>
#include <optional>

#include "libkv/base/result.h"
#include "libkv/cli/byte_source.h"
#include "libkv/cli/record.h"

namespace kv {

struct ReaderOptions {
  RecordFormat format = RecordFormat::nul;
  bool keys_only = false;
  RecordLimits limits = {};
};

class RecordReader {
 public:
  virtual ~RecordReader() = default;
  /// The next record, good or bad; nothing at the end of the input. An error means that reading
  /// itself failed: then there is no going on.
  virtual Result<std::optional<ReadRecord>> next() = 0;
  /// Where the record stands that next() returned last, counted from 1: its line, blank ones
  /// included, where a record is a line; else its number.
  virtual uint64_t place() const = 0;
  /// `line 3`, `record 3`: a place as it is told to a person.
  virtual std::string place_text(uint64_t place) const = 0;
};

/// REQUIRES: format `lines` only with keys_only.
std::unique_ptr<RecordReader> make_record_reader(ByteSource& source, const ReaderOptions& options);

/// A bad record as one line of a rejects file: a JSON object with record, reason and raw or
/// raw_b64, and "cut": true if raw is only the start.
std::string rejects_line(const BadRecord& bad);
/// The same of a record that is sound but was not stored: with key, value and context as a JSON
/// line has them, so that reading the rejects file as JSON Lines tries it again. `keys_only`: it
/// has no value.
struct RefusedRecord {
  uint64_t place = 0;
  std::string reason;
  KeyValue record;
  bool keys_only = false;
};
std::string rejects_line(const RefusedRecord& refused);

}  // namespace kv
