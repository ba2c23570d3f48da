// Whether bytes are UTF-8 (RFC 3629): decides between `key` and `key_b64` in JSON. Pure.
#pragma once

#include "libkv/base/bytes.h"

namespace kv {

/// True for well-formed UTF-8 only: no overlong forms, surrogates or code points past U+10FFFF.
bool is_utf8(BytesView bytes);

/// Whether well-formed UTF-8 has one of U+0080…U+009F, which some terminals obey.
/// REQUIRES: is_utf8(text).
bool has_c1_control(BytesView text);

}  // namespace kv
