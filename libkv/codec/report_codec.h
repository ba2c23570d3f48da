// A report (model/report.h) as msgpack and as JSON. Pure.
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"
#include "libkv/model/report.h"

namespace kv {

void encode_report(const Report& report, MsgpackWriter& writer);
/// At most `limits::report_values_max` values, nested at most `limits::nesting_max` deep. An error
/// sticks to the reader; then the report is null.
Report decode_report(MsgpackReader& reader);

/// Appends it as JSON (RFC 8259) on one line, without spaces or a final newline. Text that is not
/// UTF-8 has U+FFFD in place of each byte that is wrong; numbers that are not finite become null;
/// an integer beyond 2^53 is written in full.
void to_json(const Report& report, std::string* out);
/// Appends `text` as a JSON string with its quotes, as above.
void to_json_string(BytesView text, std::string* out);

}  // namespace kv
