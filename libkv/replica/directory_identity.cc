#include "libkv/replica/directory_identity.h"

#include <charconv>
#include <map>

namespace kv {

namespace {

bool parse_number(const std::string& text, int base, uint64_t* value) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), *value, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

}  // namespace

Result<std::optional<DirectoryIdentity>> read_identity(MetaStore& meta) {
  KV_ASSIGN(const auto rows, meta.rows(kIdentityTable));
  if (rows.empty()) return std::optional<DirectoryIdentity>();
  std::map<std::string, std::string> marks;
  for (const auto& row : rows) marks[row.key] = row.value;
  DirectoryIdentity identity{marks["daemon"], marks["member"], 0, {}};
  uint64_t format = 0;
  if (!parse_number(marks["format"], 10, &format) ||
      !parse_number(marks["store"], 16, &identity.store_id))
    return fail(ErrorKind::corrupt, "the directory's identity does not parse");
  if (format > kDirectoryFormat)
    return fail(ErrorKind::format, "written in format " + marks["format"] +
                                       " by a newer version; this one knows up to " +
                                       std::to_string(kDirectoryFormat));
  if (marks.count("cluster") != 0) {
    const auto cluster = ClusterId::from_hex(marks["cluster"]);
    if (!cluster) return fail(ErrorKind::corrupt, "the cluster id does not parse");
    identity.cluster = *cluster;
  }
  return std::optional<DirectoryIdentity>(std::move(identity));
}

}  // namespace kv
