#include "libkv/model/view.h"

#include "libkv/base/assert.h"

namespace kv {

const char* to_string(Liveness liveness) {
  switch (liveness) {
    case Liveness::alive:
      return "alive";
    case Liveness::suspect:
      return "suspect";
    case Liveness::down:
      return "down";
  }
  KV_ASSERT(false);
}

}  // namespace kv
