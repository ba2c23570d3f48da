// Making and showing keyspaces: what kv-keyspace does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/result.h"
#include "libkv/client/client.h"

namespace kv {

struct NewKeyspace {
  std::string name;
  std::optional<uint64_t> n, r, w;  ///< Left out: the cluster's defaults.
  bool strict = false;
};

/// Makes it, and waits, within the timeout, until every coordinator of the client's that answers
/// knows it, so that a put right behind it finds it. Returns it as list_keyspaces() would.
/// Errors: invalid (the coordinator's reason), unavailable, and unknown where the change may have
/// been made.
Result<Report> create_keyspace(Client& client, Clock& clock, const NewKeyspace& keyspace,
                               Duration timeout);

/// An array of name, id, kind, n, r, w, strict, lww, created_epoch.
Result<Report> list_keyspaces(Client& client, Clock& clock, Duration timeout);

/// not_found if `keyspaces` has none of that name.
Result<Report> keyspace_of(const Report& keyspaces, const std::string& name);

/// A table with a row for each.
std::string keyspaces_text(const Report& keyspaces);

}  // namespace kv
