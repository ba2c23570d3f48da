// Writes records of one format; what it writes, record_reader.h reads back byte for byte. Not
// thread-safe; does not own the sink.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "libkv/base/result.h"
#include "libkv/cli/output.h"
#include "libkv/cli/record.h"

namespace kv {

class RecordWriter {
 public:
  RecordWriter(ByteSink& sink, RecordFormat format, bool keys_only = false)
      : sink_(sink), format_(format), keys_only_(keys_only) {}

  /// invalid, with nothing written, if the format cannot hold the record: a NUL in `nul`, a newline
  /// in `lines`; the error says which format can. `more_members` goes into the object of
  /// json_lines as it is (`"timestamp":"…","size":3`) and nowhere else.
  Status write(const KeyValue& record, std::string_view more_members = {});

 private:
  Status compose(const KeyValue& record, std::string_view more_members);

  ByteSink& sink_;
  RecordFormat format_;
  bool keys_only_;
  std::string text_;
};

}  // namespace kv
