// The escapes of TSV: \t \n \r \\ \0. Pure.
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

void append_tsv(std::string& out, BytesView bytes);

/// Appends what `text` stands for. invalid for a raw tab or a backslash before anything else; then
/// `out` holds a part.
Status unescape_tsv(BytesView text, std::string& out);

}  // namespace kv
