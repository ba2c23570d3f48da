// Any bytes as one field of a line that a terminal may show: printable ASCII as it is, a backslash
// doubled, every other byte as \xNN. Nothing is cut, and the bytes can be had back. Pure.
#pragma once

#include <string>

#include "libkv/base/bytes.h"

namespace kv {

void append_escaped(std::string& out, BytesView bytes);
std::string escaped(BytesView bytes);

}  // namespace kv
