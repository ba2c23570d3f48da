#include "libkv/replica/refilling.h"

#include "libkv/replica/key_layout.h"

namespace kv {

Result<Refilling> Refilling::load(Engine& engine, UnreadableRows* unreadable) {
  Refilling refilling;
  KV_TRY(read_start_rows(engine, space_range(Space::refilling), unreadable,
                         [&refilling](BytesView key, BytesView) -> Status {
                           if (key == refilling_all_key()) {
                             refilling.all_ = true;
                           } else if (key == hints_lost_key()) {
                             refilling.hints_lost_ = true;
                           } else if (const auto partition = partition_of_key(key)) {
                             refilling.partitions_.insert(*partition);
                           } else {
                             return fail(ErrorKind::corrupt,
                                         "a row of a refilling partition does not parse");
                           }
                           return {};
                         }));
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
  for (const PartitionKey& partition : partitions) {
    partitions_.insert(partition);
    batch->put(partition_row_key(Space::refilling, partition), {});
  }
  batch->remove(refilling_all_key());
}

void Refilling::mark_hints_lost(WriteBatch* batch) {
  hints_lost_ = true;
  batch->put(hints_lost_key(), {});
}

void Refilling::hints_are_owed(WriteBatch* batch) const {
  batch->remove(hints_lost_key());
}

bool Refilling::end(const PartitionKey& partition, WriteBatch* batch) const {
  if (partitions_.count(partition) == 0) return false;
  batch->remove(partition_row_key(Space::refilling, partition));
  return true;
}

}  // namespace kv
