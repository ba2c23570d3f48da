// A keyspace: a name under which keys live, with its own replication and consistency.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/time.h"
#include "libkv/model/ids.h"
#include "libkv/model/record.h"

namespace kv {

/// Fixed at creation. On disk and on the wire: never change.
enum class KeyspaceKind : uint8_t { ap = 0, cp = 1 };

struct Keyspace {
  KeyspaceId id = 0;
  std::string name;  ///< 1…64 of [A-Za-z0-9_.-], not starting with '-' or '.'.
  KeyspaceKind kind = KeyspaceKind::ap;
  PlacementId placement = 0;
  uint8_t r = 1;
  uint8_t w = 1;
  bool strict = false;  ///< Quorums of slots only; hints never count.
  bool last_write_wins = false;
  Duration ttl = Duration::zero();  ///< Zero: values do not expire by themselves.
  Epoch created = 0;

  RecordKind record_kind() const {
    if (kind == KeyspaceKind::cp) return RecordKind::linearizable;
    return last_write_wins ? RecordKind::last_write_wins : RecordKind::causal;
  }
  friend bool operator==(const Keyspace&, const Keyspace&) = default;
};

bool is_keyspace_name(const std::string& name);

}  // namespace kv
