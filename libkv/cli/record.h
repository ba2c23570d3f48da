// The record formats of pipelines: what kv-scan writes, kv-put reads.
//
//   nul         key NUL value NUL …          any bytes but NUL
//   tsv         key TAB value NEWLINE …      \t \n \r \\ \0 stand for those bytes
//   json_lines  {"key":…,"value":…} NEWLINE  `key_b64`, `value_b64` where bytes are not UTF-8;
//               "context" if any; other members are ignored by readers
//   lines       key NEWLINE …                keys only, as they are
//
// With keys_only a nul, tsv or lines record is a key alone; json_lines needs no value then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "libkv/base/bytes.h"

namespace kv {

enum class RecordFormat { nul, tsv, json_lines, lines };

/// What is enforced while reading, so that an endless record cannot eat memory.
struct RecordLimits {
  size_t key_bytes_max = 1 << 10;
  size_t value_bytes_max = 1 << 20;
  size_t context_bytes_max = 64 << 10;
};

/// Views are valid until the reader's next call.
struct KeyValue {
  BytesView key;
  BytesView value;
  std::optional<BytesView> context = std::nullopt;
};

/// A record that cannot be taken. The reader goes on behind it.
struct BadRecord {
  uint64_t place = 0;  ///< As RecordReader::place() has it.
  std::string reason;
  std::string raw;          ///< As it was read.
  bool raw_is_cut = false;  ///< It was over a limit: only its start was kept.
};

using ReadRecord = std::variant<KeyValue, BadRecord>;

}  // namespace kv
