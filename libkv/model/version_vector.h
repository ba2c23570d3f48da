// Who wrote what, and what a writer had seen: actors, dots and causal contexts (Preguiça et al.,
// "Dotted Version Vectors", 2010; Almeida et al., "Scalable and Accurate Causality Tracking for
// Eventually Consistent Stores", 2014).
//
//   actor     (member, birth)        a stretch of a record's life at one member without a break
//   dot       (actor, counter)       one write
//   context   {actor: counter, …}    every dot of these actors up to these counters was seen,
//             {put id: attempt, …}   and every attempt of these puts up to these
//             newest                 and no timestamp above this one (last-write-wins only)
//
// Pure values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "libkv/base/inline_vector.h"
#include "libkv/base/time.h"
#include "libkv/model/ids.h"

namespace kv {

/// 48 random bits: under which a member began to mint for a record.
using Birth = uint64_t;

struct Actor {
  uint64_t packed = 0;  ///< member << 48 | birth.
  Actor() = default;
  Actor(MemberNumber member, Birth birth)
      : packed((static_cast<uint64_t>(member) << 48) | (birth & 0xffff'ffff'ffffu)) {}
  static Actor from_packed(uint64_t packed);
  MemberNumber member() const { return static_cast<MemberNumber>(packed >> 48); }
  Birth birth() const { return packed & 0xffff'ffff'ffffu; }
  friend bool operator==(const Actor&, const Actor&) = default;
  friend auto operator<=>(const Actor&, const Actor&) = default;
};

struct Dot {
  Actor actor;
  uint64_t counter = 0;  ///< From 1.
  friend bool operator==(const Dot&, const Dot&) = default;
  friend auto operator<=>(const Dot&, const Dot&) = default;
};

/// One put of one client, however often it is tried: the client's 64 random bits and its own count.
struct PutId {
  uint64_t client = 0;
  uint64_t number = 0;
  friend bool operator==(const PutId&, const PutId&) = default;
  friend auto operator<=>(const PutId&, const PutId&) = default;
};
using Attempt = uint32_t;  ///< From 1.

class CausalContext {
 public:
  struct ActorEntry {
    Actor actor;
    uint64_t counter;
    friend bool operator==(const ActorEntry&, const ActorEntry&) = default;
  };
  struct PutEntry {
    PutId put;
    Attempt attempt;
    friend bool operator==(const PutEntry&, const PutEntry&) = default;
  };

  /// Few replicas mint for one key, and few puts are tried twice.
  using ActorEntries = InlineVector<ActorEntry, 3>;
  using PutEntries = InlineVector<PutEntry, 1>;

  bool covers(const Dot& dot) const { return counter_of(dot.actor) >= dot.counter; }
  bool covers(const PutId& put, Attempt attempt) const { return attempt_of(put) >= attempt; }
  /// Whether everything `other` has seen was seen here.
  bool covers(const CausalContext& other) const;
  uint64_t counter_of(Actor actor) const;      ///< 0 if it is unknown.
  Attempt attempt_of(const PutId& put) const;  ///< 0 if it is unknown.

  /// Raises the actor's entry to `counter` (never lowers it).
  void see(const Dot& dot);
  void see(const PutId& put, Attempt attempt);
  /// Raises the newest timestamp. Only last-write-wins records use it: a put with a context must
  /// come out above everything its writer saw, though it is minted by a slower clock.
  void see(WallTime timestamp) {
    if (newest_ < timestamp) newest_ = timestamp;
  }
  WallTime newest() const { return newest_; }  ///< The epoch of 1970 if none was seen.
  /// The join: the maximum, entry by entry.
  void join(const CausalContext& other);

  bool empty() const { return actors_.empty() && puts_.empty() && newest_ == WallTime(); }
  /// Sorted by actor, and by put id; without duplicates or zero counters.
  const ActorEntries& actors() const { return actors_; }
  const PutEntries& puts() const { return puts_; }
  /// Takes sorted entries over, as a decoder has them. False (and empty) if they are not sorted,
  /// repeat or have a zero.
  bool assign(ActorEntries actors, PutEntries puts);

  friend bool operator==(const CausalContext&, const CausalContext&) = default;

 private:
  ActorEntries actors_;
  PutEntries puts_;
  WallTime newest_{};
};

/// `[s1:2, s2:1]`; a member with several actors is shown with its birth's first digits,
/// `s1.3f:2` (at least two, as many as tell them apart). Put ids are not shown.
std::string to_string(const CausalContext& context);

}  // namespace kv
