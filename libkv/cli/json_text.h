// Writing JSON (RFC 8259) without a tree: enough for JSON Lines and `--json`. Pure.
#pragma once

#include <string>
#include <string_view>

#include "libkv/base/bytes.h"

namespace kv {

/// Appends `text` quoted and escaped. Bytes that are not UTF-8 would make invalid JSON: each is
/// replaced by U+FFFD; use append_json_bytes() for what must come back unchanged.
void append_json_string(std::string& out, BytesView text);

/// Appends `"name":"…"` if `bytes` are UTF-8, else `"name_b64":"…"`.
void append_json_bytes(std::string& out, std::string_view name, BytesView bytes);

}  // namespace kv
