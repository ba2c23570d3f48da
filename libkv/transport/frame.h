// A frame: the bytes of one message on the wire, counted so that parsed views may keep it alive.
#pragma once

#include "libkv/base/bytes.h"

namespace kv {

using Frame = SharedBytes;

}  // namespace kv
