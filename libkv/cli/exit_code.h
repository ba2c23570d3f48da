// The one table of exit codes, the same in every command, daemon and man page, so that a script
// can tell what to retry, what to mend and what to read again without parsing messages.
//
// Pure; thread-safe.
#pragma once

#include "libkv/base/result.h"

namespace kv {

/// The values are a promise to scripts: never change.
enum class ExitCode : int {
  done = 0,           ///< Also: deleting what is not there.
  no = 1,             ///< No such key; the answer of a yes/no command is no.
  usage = 2,          ///< Usage, bad input, over a limit; a daemon's configuration, format, lock.
  unavailable = 3,    ///< Not done, nothing was stored; busy; a read out of time. Retry.
  unknown = 4,        ///< A write without an answer in time: it may have been stored.
  conflict = 5,       ///< Siblings where one value was asked for; a condition not met.
  corrupt = 6,        ///< Corrupt data found.
  denied = 7,         ///< Not allowed.
  local = 8,          ///< A file, stdout, the disk or permissions here.
  interrupted = 130,  ///< SIGINT, as shells report it.
};

/// The code with which a command ends that met this failure and no other.
ExitCode exit_code_of(ErrorKind kind);

/// What a run with both outcomes ends with: interrupted, else the first of 7 8 2 6 4 3 5 1 that
/// occurred, else done. Commutative and associative with `done` as its zero, so outcomes may be
/// folded in any order.
ExitCode combine(ExitCode a, ExitCode b);

/// The code as `exit` and `return` from main take it.
inline int to_int(ExitCode code) {
  return static_cast<int>(code);
}

}  // namespace kv
