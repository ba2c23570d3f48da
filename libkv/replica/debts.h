// Owed repairs and refilling partitions as kv-repairs and coordinators see them: incurred, listed,
// paid. Lives on the loop's thread.
#pragma once

#include "libkv/replica/replica_core.h"

namespace kv {

class Debts {
 public:
  explicit Debts(ReplicaCore& core) : core_(core) {}

  /// Members that are no slots of a partition are passed over, as is this one.
  void owe(Asker asker, const msg::Owe& request, Instant deadline);
  void list(Asker asker, const msg::OwedList& request);
  /// stale_epoch: a partition's slots have changed since it was found level; it is refilling still.
  void paid(Asker asker, const msg::OwedPaid& request, Instant deadline);

  /// The disk came back empty in a cluster that had data here.
  Status mark_all_refilling();
  /// What recovery found damaged, and rows of a start: what they said is not known, so that
  /// everything refills. It is written now, or, on a full disk, before the next write. Errors: the
  /// engine's.
  Status mark_damage(const std::vector<CorruptRange>& ranges, const UnreadableRows& rows);
  /// What is pending until there is a map: which partitions are meant by "everything", and to whom
  /// lost hints are owed.
  void settle_pending();

 private:
  bool mark_partitions(const KeyRange& range, WriteBatch* batch);
  void owe_lost_hints(WriteBatch* batch);
  template <typename Request>
  void answer_when_durable(Asker asker, const Request& request, Answer answer,
                           const WriteBatch& batch);

  ReplicaCore& core_;
  bool settling_failed_ = false;  // Told once.
};

}  // namespace kv
