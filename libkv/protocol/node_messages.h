// What a kv-node is asked by coordinators and kv-repairs, and what it answers.
//
// Every message lists its fields once, in the order of the wire, for the encoder and the decoder
// alike (wire/message_codec.h). On the wire: never reorder; add at the end only.
// `id` is the asker's and comes back in the answer. `time_left` travels with the operation; what is
// past it is dropped. `epoch` is that of the map the asker planned with, and in an answer the one
// the node holds.
#pragma once

#include <utility>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/hash.h"
#include "libkv/base/time.h"
#include "libkv/model/ids.h"
#include "libkv/model/mint.h"
#include "libkv/model/record.h"
#include "libkv/protocol/answer.h"

#define KV_FIELDS(...)                           \
  template <typename Self, typename Visitor>     \
  static void fields(Self& m, Visitor&& visit) { \
    auto& [__VA_ARGS__] = m;                     \
    visit(__VA_ARGS__);                          \
  }

namespace kv::msg {

using RequestId = uint64_t;
using Members = std::vector<MemberNumber>;

/// Mint a dot for this put. Answered by MintMade as soon as it is made, then by MintDurable.
struct Mint {
  RequestId id = 0;
  Epoch epoch = 0;
  Duration time_left{};
  KeyspaceId keyspace = 0;
  SharedBytes key;
  PutMode mode = PutMode::over_what_is_there;
  CausalContext context;
  PutId put;
  Attempt attempt = 1;
  bool tombstone = false;
  SharedBytes value;
  Duration ttl{};    ///< Zero: it does not expire.
  Members hint_for;  ///< Not empty: mint into a hint for these owners (no slot is alive).
  Members owed;      ///< Slots that will not be reached: keep a repair owed to each.
  KV_FIELDS(a, b, c, d, e, f, g, h, i, j, k, l, n, o)
};

struct MintMade {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  Record record;  ///< The whole record, as it is to be merged at the others.
  Round round = 0;
  bool repeated = false;  ///< This attempt had been made before.
  KV_FIELDS(a, b, c, d, e, f)
};

/// The mint's log is synced (ok), or its node has ceased to write (io).
struct MintDurable {
  RequestId id = 0;
  Answer answer = Answer::ok;
  KV_FIELDS(a, b)
};

/// Merge this record into yours. Answered, by Merged, when it is durable.
struct Merge {
  RequestId id = 0;
  Epoch epoch = 0;
  Duration time_left{};
  KeyspaceId keyspace = 0;
  SharedBytes key;
  Record record;
  Round round = 0;   ///< The lowest purge round of the members that read its parts.
  Members hint_for;  ///< Not empty: keep it as a hint for these owners.
  Members owed;
  KV_FIELDS(a, b, c, d, e, f, g, h, i)
};

struct Merged {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  /// The context here, before the merge, was not covered by the incoming record's: there were
  /// siblings that it neither had nor covered, or an earlier attempt of the same put had covered
  /// them here already, which the other slots do not know. Always false for last-write-wins.
  bool siblings_remain = false;
  CausalContext context;  ///< Then: of the record as it is now.
  Hash128 digest;         ///< Of the record as it is now.
  KV_FIELDS(a, b, c, d, e, f)
};

/// Read a record; a fallback answers with the hint it holds. Answered by ReadDone.
struct Read {
  RequestId id = 0;
  Epoch epoch = 0;
  Duration time_left{};
  KeyspaceId keyspace = 0;
  SharedBytes key;
  bool digest_only = false;
  bool durable = false;  ///< Answer only once what is answered is durable.
  KV_FIELDS(a, b, c, d, e, f, g)
};

struct ReadDone {
  RequestId id = 0;
  Answer answer = Answer::ok;  ///< ok also for a key that is not there (an empty record).
  Epoch epoch = 0;
  Round round = 0;
  Hash128 digest;
  bool has_record = false;
  Record record;
  bool refilling = false;  ///< Merge it, but do not count it towards a strict R.
  KV_FIELDS(a, b, c, d, e, f, g, h)
};

/// Records of a keyspace in key order, of all partitions (and hints) that the node holds.
struct ScanPage {
  RequestId id = 0;
  Epoch epoch = 0;
  Duration time_left{};
  KeyspaceId keyspace = 0;
  std::string from;  ///< Inclusive; the page starts here (reverse: `to`, exclusive, is its start).
  std::string to;    ///< Exclusive; empty: no end.
  bool reverse = false;
  uint32_t records_max = 0;
  KV_FIELDS(a, b, c, d, e, f, g, h)
};

struct KeyRecord {
  SharedBytes key;
  Record record;
  Round round = 0;
  KV_FIELDS(a, b, c)
};

struct ScanPageDone {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<KeyRecord> records;      ///< In the order asked for.
  bool exhausted = false;              ///< There is nothing beyond the last one within the range.
  std::vector<PartitionId> refilling;  ///< Partitions of the keyspace's placement not level here.
  KV_FIELDS(a, b, c, d, e, f)
};

/// Keep a repair owed to `members` for these partitions. Answered by Done, when durable.
struct Owe {
  RequestId id = 0;
  Epoch epoch = 0;
  std::vector<PartitionKey> partitions;
  Members members;
  KV_FIELDS(a, b, c, d)
};

/// The answer of requests that have nothing else to tell.
struct Done {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::string detail;
  KV_FIELDS(a, b, c, d)
};

}  // namespace kv::msg
