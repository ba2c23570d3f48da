// put_meta_row FILE TABLE KEY VALUE: writes a row of a stopped daemon's row base as the daemon
// itself would, checksums and all, so that a test can say in it what no daemon of this version
// writes.
#include <cstdio>

#include "libkv/base/log.h"
#include "libkv/base/posix_environment.h"
#include "libkv/base/thread_executor.h"
#include "libkv/meta/meta_store.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: put_meta_row FILE TABLE KEY VALUE\n");
    return 2;
  }
  kv::NullLog log;
  kv::PosixEnvironment posix;
  kv::ThreadExecutor executor;
  kv::Environment environment = posix.with(executor, log);
  const auto meta = kv::open_sqlite_meta(environment, argv[1]);
  kv::Status written = meta ? kv::Status() : kv::fail(meta.error());
  if (meta) {
    kv::MetaTransaction row;
    row.put(argv[2], argv[3], argv[4]);
    written = (*meta)->commit(row);
  }
  if (!written) std::fprintf(stderr, "put_meta_row: %s\n", written.error().what.c_str());
  return written ? 0 : 8;
}
