// Base64 with the standard alphabet and padding (RFC 4648, section 4). Pure.
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

void append_base64(std::string& out, BytesView bytes);

/// Strict: padding present, no spaces, unused bits zero; so one text for each byte string.
Result<std::string> decode_base64(BytesView text);

}  // namespace kv
