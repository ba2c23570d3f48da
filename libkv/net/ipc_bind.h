// What must be right about the file system before and while an ipc endpoint is bound. Otherwise a
// file or the socket of a living daemon would be in the way or, with libzmq, be unlinked, and the
// socket be open to everybody.
#pragma once

#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "libkv/base/result.h"

namespace kv {

/// Removes a socket file that a dead process left. locked: somebody listens there. invalid: the
/// path is something else than a socket. denied, io: it cannot be looked at or removed.
/// REQUIRES: the caller holds its directory's lock, so that no two start at once. Blocks for as
/// long as a connect() to a local socket.
Status clear_ipc_path(const std::string& path);

/// While it lives, files are created for their owner alone. The mask is the process's: no other
/// thread may create files meanwhile, so daemons bind before they start any.
class OwnerOnlyFiles {
 public:
  OwnerOnlyFiles() : before_(umask(0177)) {}
  ~OwnerOnlyFiles() { umask(before_); }
  OwnerOnlyFiles(const OwnerOnlyFiles&) = delete;
  OwnerOnlyFiles& operator=(const OwnerOnlyFiles&) = delete;

 private:
  mode_t before_;
};

}  // namespace kv
