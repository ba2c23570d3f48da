#include "libkv/net/ipc_bind.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

#include "libkv/zmtp/zmtp_socket.h"

namespace kv {

namespace {

tl::unexpected<Error> failed(const std::string& path, int code) {
  const ErrorKind kind = code == EACCES || code == EPERM ? ErrorKind::denied : ErrorKind::io;
  return fail(kind, path + ": " + std::strerror(code));
}

/// Whether a process listens at `path`. Only a refused connection proves that none does; a full
/// backlog (EAGAIN) proves that one does.
bool somebody_listens(const std::string& path) {
  const sockaddr_un address = unix_address(path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const int code =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return code == 0 || code == EAGAIN;
}

}  // namespace

Status clear_ipc_path(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, errno);
  }
  if (!S_ISSOCK(found.st_mode))
    return fail(ErrorKind::invalid, path + ": exists and is not a socket");
  if (somebody_listens(path))
    return fail(ErrorKind::locked, path + ": another process listens there");
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, errno);
  return {};
}

}  // namespace kv
