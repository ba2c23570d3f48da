// What kv-repairs compare: roots, leaves, and the keys with their digests of leaves that differ.
// Lives on the loop's thread; keys are listed by a walk over the partition on Lane::read.
//
// Every answer comes once the log has all that it speaks of: a repair that is owed to this member
// is struck where its copy is found equal, and a crash here must not take back what it was struck
// for.
#pragma once

#include <memory>

#include "libkv/replica/replica_core.h"

namespace kv {

class TreeAnswers {
 public:
  explicit TreeAnswers(ReplicaCore& core) : core_(core) {}

  /// Partitions that this member does not hold, that were planned with an older map, or whose tree
  /// is not built yet are left out.
  void roots(Asker asker, const msg::TreeRoots& request, Instant deadline);
  /// busy: the tree is being built; corrupt: the partition cannot be read through.
  void leaves(Asker asker, const msg::TreeLeaves& request, Instant deadline);
  void leaf_keys(Asker asker, const msg::LeafKeys& request, Instant deadline);

 private:
  struct Listing;
  Answer place(Epoch planned, const PartitionKey& partition) const;
  template <typename Request>
  void refuse(Asker asker, const Request& request, Answer why);
  template <typename Request, typename Told>
  void answer_when_durable(Asker asker, const Request& request, Told told);

  ReplicaCore& core_;
};

}  // namespace kv
