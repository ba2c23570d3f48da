#include "libkv/replica/rounds.h"

#include "libkv/replica/key_layout.h"
#include "libkv/replica/number_row.h"

namespace kv {

Result<Rounds> Rounds::load(Engine& engine) {
  Rounds rounds;
  const auto rows = engine.iterate(space_range(Space::round));
  for (; rows->valid(); rows->next()) {
    const auto partition = partition_of_key(rows->key());
    const auto round = decode_number_row(rows->value());
    if (!partition || !round) return fail(ErrorKind::corrupt, "a row of a round does not parse");
    rounds.rounds_[*partition] = *round;
  }
  KV_TRY(rows->status());
  return rounds;
}

Round Rounds::of(const PartitionKey& partition) const {
  const auto found = rounds_.find(partition);
  return found == rounds_.end() ? 0 : found->second;
}

void Rounds::raise(const PartitionKey& partition, Round round, WriteBatch* batch) {
  if (round <= of(partition)) return;
  rounds_[partition] = round;
  batch->put(partition_row_key(Space::round, partition), encode_number_row(round));
}

}  // namespace kv
