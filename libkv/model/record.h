// A record: what one key's replicas agree on by merging. Siblings that none has superseded, and a
// causal context of all that was seen. Merging is commutative, associative and idempotent, and
// never prunes. Pure values; values of siblings are shared, not copied.
//
//   put at S, first:        context [s1:1]                siblings {s1:1 → a}
//   put at S over it:       context [s1:2]                siblings {s1:2 → b}
//   a put at T with the
//   first one's context:    context [s1:1, s2:1]          siblings {s2:1 → c}
//   merged:                 context [s1:2, s2:1]          siblings {s1:2 → b, s2:1 → c}
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/hash.h"
#include "libkv/base/time.h"
#include "libkv/model/version_vector.h"

namespace kv {

/// How records of a keyspace merge. On disk and on the wire: never change.
enum class RecordKind : uint8_t { causal = 0, last_write_wins = 1, linearizable = 2 };

struct Sibling {
  Dot dot;
  PutId put;
  Attempt attempt = 1;
  bool tombstone = false;
  SharedBytes value;               ///< Empty for a tombstone.
  std::optional<WallTime> expiry;  ///< When it becomes a tombstone by itself.
  WallTime timestamp;              ///< When it was minted (hybrid logical; shown, and decides lww).

  /// A tombstone, or expired at `now`.
  bool is_dead(WallTime now) const { return tombstone || (expiry && *expiry <= now); }
  friend bool operator==(const Sibling&, const Sibling&) = default;
};

struct Record {
  RecordKind kind = RecordKind::causal;
  CausalContext context;
  std::vector<Sibling> siblings;  ///< Sorted by dot.

  /// Whether nothing in it is to be shown at `now`.
  bool is_dead(WallTime now) const;
  /// Whether it was never written.
  bool is_empty() const { return siblings.empty() && context.empty(); }
  uint64_t value_bytes() const;
  friend bool operator==(const Record&, const Record&) = default;
};

/// Whether a record that a stranger sent may be merged with others of this kind.
inline bool is_of_kind(const Record& record, RecordKind kind) {
  return record.is_empty() || record.kind == kind;
}

/// Whether merge() takes the two: what peers sent must be asked first.
inline bool may_merge(const Record& a, const Record& b) {
  if (a.is_empty() || b.is_empty()) return true;
  return a.kind == b.kind && a.kind != RecordKind::linearizable;
}

/// A sibling survives if both have it, or if the other side's context contains neither its dot nor
/// its (put id, attempt). REQUIRES: a.kind == b.kind unless one of them is empty.
Record merge(const Record& a, const Record& b);

/// Over kind, context, and every sibling's dot, put, attempt, expiry, timestamp, tombstone and hash
/// of value: equal digests mean equal records, and a dot that was used twice shows.
Hash128 digest_of(const Record& record);

/// What a client is shown: living siblings in dot order, those with the same bytes once, and no
/// tombstone beside values. Indices into `record.siblings`.
std::vector<size_t> visible_siblings(const Record& record, WallTime now);

}  // namespace kv
