// What administration asks of any daemon: a verb, arguments, and a tree of values back.
#pragma once

#include <string>

#include "libkv/model/report.h"
#include "libkv/protocol/node_messages.h"

namespace kv::msg {

/// Administration and counters: a verb and its arguments in, a tree of values out (verbs:
/// kv-protocol(7)). Any daemon may be asked. Answered by Told.
struct Ask {
  RequestId id = 0;
  Duration time_left{};
  std::string verb;
  Report arguments;
  KV_FIELDS(a, b, c, d)
};
struct Told {
  RequestId id = 0;
  Answer answer = Answer::ok;
  std::string detail;
  Report report;
  KV_FIELDS(a, b, c, d)
};

}  // namespace kv::msg
