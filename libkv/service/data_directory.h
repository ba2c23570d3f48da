// A daemon's data directory: locked against a second daemon, and marked with whose it is.
//
// The marks stand in the directory's metadata (replica/directory_identity.h). Opening a directory
// of another cluster, member or daemon, or of a newer format, is refused.
#pragma once

#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"
#include "libkv/model/cluster_map.h"
#include "libkv/model/ids.h"

namespace kv {

class DataDirectory {
 public:
  /// Creates it if it is missing. Errors: locked, wrong_cluster (of another member or daemon),
  /// format, corrupt, io, no_space, denied.
  static Result<std::unique_ptr<DataDirectory>> open(Environment& environment,
                                                     const std::string& path, DaemonKind daemon,
                                                     MemberNumber member);

  const std::string& path() const { return path_; }
  MetaStore& meta() { return *meta_; }
  /// Drawn when the directory was created: another one after a wipe.
  uint64_t store_id() const { return store_id_; }
  /// Gives the directory another store id, together with `also`: it was found to be rolled back.
  Status renew_store_id(uint64_t store_id, MetaTransaction also);
  /// Whether this open created it.
  bool created() const { return created_; }
  /// None until it was bound.
  const ClusterId& cluster() const { return cluster_; }
  /// Binds the directory to a cluster for good. wrong_cluster if it is bound to another one.
  Status bind(const ClusterId& cluster);

 private:
  DataDirectory() = default;
  Status read_identity(DaemonKind daemon, MemberNumber member, uint64_t new_store_id);

  std::string path_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<MetaStore> meta_;
  uint64_t store_id_ = 0;
  bool created_ = false;
  ClusterId cluster_;
};

}  // namespace kv
