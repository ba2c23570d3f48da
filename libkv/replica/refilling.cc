#include "libkv/replica/refilling.h"

#include "libkv/replica/key_layout.h"

namespace kv {

Result<Refilling> Refilling::load(Engine& engine) {
  Refilling refilling;
  const auto rows = engine.iterate(space_range(Space::refilling));
  for (; rows->valid(); rows->next()) {
    if (rows->key() == refilling_all_key()) {
      refilling.all_ = true;
      continue;
    }
    if (rows->key() == hints_lost_key()) {
      refilling.hints_lost_ = true;
      continue;
    }
    const auto partition = partition_of_key(rows->key());
    if (!partition)
      return fail(ErrorKind::corrupt, "a row of a refilling partition does not parse");
    refilling.partitions_.insert(*partition);
  }
  KV_TRY(rows->status());
  return refilling;
}

void Refilling::mark(const PartitionKey& partition, WriteBatch* batch) {
  if (partitions_.insert(partition).second) {
    batch->put(partition_row_key(Space::refilling, partition), {});
  }
}

void Refilling::mark_all(WriteBatch* batch) {
  all_ = true;
  batch->put(refilling_all_key(), {});
}

void Refilling::name_all(const std::vector<PartitionKey>& partitions, WriteBatch* batch) {
  if (!all_) return;
  for (const PartitionKey& partition : partitions) mark(partition, batch);
  batch->remove(refilling_all_key());
  all_ = false;
}

void Refilling::mark_hints_lost(WriteBatch* batch) {
  hints_lost_ = true;
  batch->put(hints_lost_key(), {});
}

void Refilling::hints_are_owed(WriteBatch* batch) {
  hints_lost_ = false;
  batch->remove(hints_lost_key());
}

bool Refilling::end(const PartitionKey& partition, WriteBatch* batch) const {
  if (partitions_.count(partition) == 0) return false;
  batch->remove(partition_row_key(Space::refilling, partition));
  return true;
}

}  // namespace kv
