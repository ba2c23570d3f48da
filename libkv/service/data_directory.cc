#include "libkv/service/data_directory.h"

#include <charconv>
#include <map>

namespace kv {

namespace {

constexpr const char* kTable = "identity";  // On disk: never change.
constexpr int kFormat = 1;                  // On disk: raised with every incompatible change.

std::string to_hex(uint64_t value) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, value, 16);
  return std::string(text, end.ptr);
}

bool parse_number(const std::string& text, int base, uint64_t* value) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
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
  KV_ASSIGN(const auto rows, meta_->rows(kTable));
  if (rows.empty()) {
    created_ = true;
    store_id_ = new_store_id == 0 ? 1 : new_store_id;
    MetaTransaction mark;
    mark.put(kTable, "format", std::to_string(kFormat));
    mark.put(kTable, "daemon", to_string(daemon));
    mark.put(kTable, "member", std::to_string(member));
    mark.put(kTable, "store", to_hex(store_id_));
    return meta_->commit(mark);
  }
  std::map<std::string, std::string> marks;
  for (const auto& row : rows) marks[row.key] = row.value;
  uint64_t format = 0;
  if (!parse_number(marks["format"], 10, &format) || !parse_number(marks["store"], 16, &store_id_))
    return fail(ErrorKind::corrupt, path_ + ": the directory's identity does not parse");
  if (format > kFormat)
    return fail(ErrorKind::format, path_ + ": written in format " + marks["format"] +
                                       " by a newer version; this one knows up to " +
                                       std::to_string(kFormat));
  if (marks["daemon"] != to_string(daemon))
    return fail(ErrorKind::wrong_cluster, path_ + ": the directory of a " + marks["daemon"] +
                                              ", not of a " + to_string(daemon));
  if (marks["member"] != std::to_string(member))
    return fail(ErrorKind::wrong_cluster, path_ + ": the directory of member " + marks["member"] +
                                              ", not of member " + std::to_string(member));
  if (marks.count("cluster") != 0) {
    const auto cluster = ClusterId::from_hex(marks["cluster"]);
    if (!cluster) return fail(ErrorKind::corrupt, path_ + ": the cluster id does not parse");
    cluster_ = *cluster;
  }
  return {};
}

Status DataDirectory::renew_store_id(uint64_t store_id, MetaTransaction also) {
  const uint64_t renewed = store_id == 0 ? 1 : store_id;
  also.put(kTable, "store", to_hex(renewed));
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
  mark.put(kTable, "cluster", cluster.to_hex());
  KV_TRY(meta_->commit(mark));
  cluster_ = cluster;
  return {};
}

}  // namespace kv
