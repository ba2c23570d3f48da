// Minting: the one step in which a replica reads its record, applies a put, and makes a new dot.
//
// A context entry claims "every dot of this actor up to here was seen". That is true only while the
// actor's record has lived at the member without a break, so a stored record bears a *birth mark*:
// the birth under which the member mints for it, and the member's incarnation then. The mark is
// never sent, never merged and in no digest; it is gone when the record is dropped, handed off or
// purged, or came in by merge alone; and one of another incarnation does not count.
// Pure, but for the random births it is handed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "libkv/base/limits.h"
#include "libkv/base/random.h"
#include "libkv/model/record.h"

namespace kv {

struct BirthMark {
  Birth birth = 0;
  uint64_t incarnation = 0;
  friend bool operator==(const BirthMark&, const BirthMark&) = default;
};

/// A record as it lies at one replica.
struct StoredRecord {
  Record record;
  std::optional<BirthMark> mark;
  Round round = 0;  ///< For a hint: the lowest purge round of its parts. 0 in own data.
  friend bool operator==(const StoredRecord&, const StoredRecord&) = default;
};

/// What the new value is to cover.
enum class PutMode : uint8_t {
  over_what_is_there = 0,  ///< Everything the minting replica holds.
  over_context = 1,        ///< What the context covers.
  sibling = 2,             ///< Nothing.
};

struct MintRequest {
  PutMode mode = PutMode::over_what_is_there;
  /// With over_context: what is covered. With over_what_is_there: covered as well (the second put
  /// of a plain overwrite).
  CausalContext context;
  PutId put;
  Attempt attempt = 1;
  bool tombstone = false;
  SharedBytes value;
  std::optional<WallTime> expiry;
  RecordKind kind = RecordKind::causal;
};

struct Minter {
  MemberNumber member = 0;
  uint64_t incarnation = 0;
  uint64_t siblings_max = limits::siblings_max;
  uint64_t siblings_bytes_max = limits::siblings_bytes_max;
  Duration ahead_max = limits::timestamp_ahead_max;  ///< Of a timestamp before `now`.
};

enum class MintOutcome {
  minted,
  repeated,           ///< This attempt was already made here (or is covered, by what is here or by
                      ///< the request's own context): nothing changed.
  too_many_siblings,  ///< Refused by the cap, as the put would leave more siblings (or bytes) than
                      ///< it allows and than there were: nothing changed.
  too_far_ahead,  ///< Last-write-wins only: what is there, or the context, has a timestamp so far
                  ///< ahead of `now` that none above it may be made: nothing changed.
  amnesia,        ///< The context knows more of this member's actor than the member does:
                  ///< nothing changed; draw a new incarnation and mint again.
};

/// Applies the put to `*stored`. An attempt n > 1 also covers (put, n-1).
/// The timestamp is max(`now`, the record's and context's newest + 1 µs); where it only shows
/// (causal records) and those are more than `ahead_max` ahead, it is `now`.
/// REQUIRES: the kind is not linearizable, and is that of the record unless that is empty.
MintOutcome mint(StoredRecord* stored, const MintRequest& request, const Minter& minter,
                 WallTime now, Random& random);

/// Whether what came from elsewhere knows more of this member's own actor than the member does: its
/// log has lost what was exposed. Ask before merge_into(); if so, draw a new incarnation at once.
bool shows_amnesia(const StoredRecord& stored, const CausalContext& context, const Minter& minter);

/// Joins what came from elsewhere. The mark stays only if a record was there before.
/// True if the stored record changed.
bool merge_into(StoredRecord* stored, const Record& incoming);

}  // namespace kv
