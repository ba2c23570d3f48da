#include "libkv/cli/exit_code.h"

#include <algorithm>
#include <iterator>

#include "libkv/base/assert.h"

namespace kv {

ExitCode exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::locked:
    case ErrorKind::wrong_cluster:
    case ErrorKind::format:
      return ExitCode::usage;
    case ErrorKind::not_found:
      return ExitCode::no;
    case ErrorKind::unavailable:
    case ErrorKind::busy:
      return ExitCode::unavailable;
    case ErrorKind::unknown:
      return ExitCode::unknown;
    case ErrorKind::conflict:
      return ExitCode::conflict;
    case ErrorKind::corrupt:
      return ExitCode::corrupt;
    case ErrorKind::denied:
      return ExitCode::denied;
    case ErrorKind::io:
    case ErrorKind::no_space:
      return ExitCode::local;
  }
  KV_ASSERT(false && "an ErrorKind outside its enumeration");
}

ExitCode combine(ExitCode a, ExitCode b) {
  // What needs a person's attention first stands first; `done` yields to everything.
  static constexpr ExitCode kOrder[] = {
      ExitCode::interrupted, ExitCode::denied,  ExitCode::local,       ExitCode::usage,
      ExitCode::corrupt,     ExitCode::unknown, ExitCode::unavailable, ExitCode::conflict,
      ExitCode::no,          ExitCode::done,
  };
  auto rank = [](ExitCode code) { return std::find(std::begin(kOrder), std::end(kOrder), code); };
  return std::min(rank(a), rank(b)) == rank(a) ? a : b;
}

}  // namespace kv
