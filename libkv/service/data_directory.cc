#include "libkv/service/data_directory.h"

#include <charconv>

#include "libkv/replica/directory_identity.h"

namespace kv {

namespace {

std::string to_hex(uint64_t value) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, value, 16);
  return std::string(text, end.ptr);
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(Environment& environment,
                                                           const std::string& path,
                                                           DaemonKind daemon, MemberNumber member) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory);
  directory->path_ = path;
  KV_TRY(environment.files.make_directories(path));
  KV_ASSIGN(directory->lock_, environment.files.lock_directory(path));
  KV_ASSIGN(directory->meta_, open_sqlite_meta(environment, path + "/meta.sqlite"));
  KV_TRY(directory->read_identity(daemon, member, environment.entropy()));
  return directory;
}

Status DataDirectory::read_identity(DaemonKind daemon, MemberNumber member, uint64_t new_store_id) {
  const auto found = kv::read_identity(*meta_);
  if (!found) return fail(found.error().kind, path_ + ": " + found.error().what);
  if (!*found) {
    created_ = true;
    store_id_ = new_store_id == 0 ? 1 : new_store_id;
    MetaTransaction mark;
    mark.put(kIdentityTable, "format", std::to_string(kDirectoryFormat));
    mark.put(kIdentityTable, "daemon", to_string(daemon));
    mark.put(kIdentityTable, "member", std::to_string(member));
    mark.put(kIdentityTable, "store", to_hex(store_id_));
    return meta_->commit(mark);
  }
  const DirectoryIdentity& identity = **found;
  store_id_ = identity.store_id;
  cluster_ = identity.cluster;
  if (identity.daemon != to_string(daemon))
    return fail(ErrorKind::wrong_cluster, path_ + ": the directory of a " + identity.daemon +
                                              ", not of a " + to_string(daemon));
  if (identity.member != std::to_string(member))
    return fail(ErrorKind::wrong_cluster, path_ + ": the directory of member " + identity.member +
                                              ", not of member " + std::to_string(member));
  return {};
}

Status DataDirectory::renew_store_id(uint64_t store_id, MetaTransaction also) {
  const uint64_t renewed = store_id == 0 ? 1 : store_id;
  also.put(kIdentityTable, "store", to_hex(renewed));
  KV_TRY(meta_->commit(also));
  store_id_ = renewed;
  return {};
}

Status DataDirectory::bind(const ClusterId& cluster) {
  if (cluster_ == cluster) return {};
  if (!cluster_.is_none())
    return fail(ErrorKind::wrong_cluster, path_ + ": the directory of cluster " +
                                              cluster_.to_hex() + ", not of cluster " +
                                              cluster.to_hex());
  MetaTransaction mark;
  mark.put(kIdentityTable, "cluster", cluster.to_hex());
  KV_TRY(meta_->commit(mark));
  cluster_ = cluster;
  return {};
}

}  // namespace kv
