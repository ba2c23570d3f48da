// What a kv-repair asks kv-nodes, beside Merge: hints to hand back, trees to compare, records that
// differ, and what is owed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libkv/protocol/node_messages.h"

namespace kv::msg {

/// The hints a node holds, in key order from `after` (exclusive). Answered by HintsListed.
struct HintList {
  RequestId id = 0;
  Epoch epoch = 0;
  MemberNumber owner = 0;  ///< Only those for this owner; 0: all.
  KeyspaceId after_keyspace = 0;
  std::string after;
  uint32_t records_max = 0;
  KV_FIELDS(a, b, c, d, e, f)
};

struct Hint {
  KeyspaceId keyspace = 0;
  SharedBytes key;
  Members owners;
  Record record;
  Round round = 0;
  KV_FIELDS(a, b, c, d, e)
};

struct HintsListed {
  RequestId id = 0;
  Answer answer = Answer::ok;
  std::vector<Hint> hints;
  bool more = false;
  uint64_t version = 0;  ///< Another one when a hint was added or has grown since.
  KV_FIELDS(a, b, c, d, e)
};

/// `owner` has durably acknowledged the hint as it was at `digest`: strike it, unless it has grown.
struct HintStrike {
  KeyspaceId keyspace = 0;
  SharedBytes key;
  MemberNumber owner = 0;
  Hash128 digest;
  KV_FIELDS(a, b, c, d)
};
/// Answered by Done, when durable.
struct HintStrikes {
  RequestId id = 0;
  Epoch epoch = 0;
  std::vector<HintStrike> strikes;
  KV_FIELDS(a, b, c)
};

/// The root hashes of partitions. Answered by TreeRootsTold.
struct TreeRoots {
  RequestId id = 0;
  Epoch epoch = 0;
  std::vector<PartitionKey> partitions;
  KV_FIELDS(a, b, c)
};
struct TreeRoot {
  PartitionKey partition;
  uint64_t root = 0;
  bool refilling = false;
  KV_FIELDS(a, b, c)
};
struct TreeRootsTold {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<TreeRoot> roots;  ///< Of those asked for that the node holds.
  KV_FIELDS(a, b, c, d)
};

/// The leaf array of one partition. Answered by TreeLeavesTold.
struct TreeLeaves {
  RequestId id = 0;
  Epoch epoch = 0;
  PartitionKey partition;
  KV_FIELDS(a, b, c)
};
struct TreeLeavesTold {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<std::pair<uint32_t, uint64_t>> leaves;  ///< Those not zero, in order.
  KV_FIELDS(a, b, c, d)
};

/// Keys and digests of some leaves, in key order from `after` (exclusive). Answered by
/// LeafKeysTold.
struct LeafKeys {
  RequestId id = 0;
  Epoch epoch = 0;
  PartitionKey partition;
  std::vector<uint32_t> leaves;  ///< Sorted.
  KeyspaceId after_keyspace = 0;
  std::string after;
  uint32_t keys_max = 0;
  KV_FIELDS(a, b, c, d, e, f, g)
};
struct KeyDigest {
  KeyspaceId keyspace = 0;
  SharedBytes key;
  Hash128 digest;
  KV_FIELDS(a, b, c)
};
struct LeafKeysTold {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<KeyDigest> keys;
  bool more = false;
  KV_FIELDS(a, b, c, d, e)
};

/// Whole records by key. Answered by Fetched, in the order asked for (absent ones empty).
struct KeyName {
  KeyspaceId keyspace = 0;
  SharedBytes key;
  KV_FIELDS(a, b)
};
struct Fetch {
  RequestId id = 0;
  Epoch epoch = 0;
  std::vector<KeyName> keys;
  KV_FIELDS(a, b, c)
};
struct FetchedRecord {
  Answer answer = Answer::ok;  ///< corrupt: this one cannot be read here.
  Record record;
  Round round = 0;
  KV_FIELDS(a, b, c)
};
struct Fetched {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<FetchedRecord> records;
  KV_FIELDS(a, b, c, d)
};

/// What a node owes: partitions whose copy at a member is to be made equal, and its own partitions
/// that are refilling. Answered by OwedTold.
struct OwedList {
  RequestId id = 0;
  KV_FIELDS(a)
};
struct OwedRepair {
  PartitionKey partition;
  MemberNumber member = 0;
  uint64_t mark = 0;  ///< Rises each time the debt is incurred anew; OwedPaid names it.
  KV_FIELDS(a, b, c)
};
struct OwedTold {
  RequestId id = 0;
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  std::vector<OwedRepair> owed;
  std::vector<PartitionKey> refilling;
  KV_FIELDS(a, b, c, d, e)
};

/// The partition was made equal with these members since the marks: strike those debts that have
/// not grown since. `level`: this node's copy is level with all other live slots (refilling ends).
/// Answered by Done, when durable.
struct OwedPaid {
  RequestId id = 0;
  Epoch epoch = 0;
  std::vector<OwedRepair> paid;
  std::vector<PartitionKey> level;
  KV_FIELDS(a, b, c, d)
};

}  // namespace kv::msg
