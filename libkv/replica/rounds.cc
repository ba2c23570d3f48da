#include "libkv/replica/rounds.h"

#include "libkv/replica/key_layout.h"
#include "libkv/replica/number_row.h"

namespace kv {

Result<Rounds> Rounds::load(Engine& engine, UnreadableRows* unreadable) {
  Rounds rounds;
  KV_TRY(read_start_rows(engine, space_range(Space::round), unreadable,
                         [&rounds](BytesView key, BytesView value) -> Status {
                           const auto partition = partition_of_key(key);
                           const auto round = decode_number_row(value);
                           if (!partition || !round)
                             return fail(ErrorKind::corrupt, "a row of a round does not parse");
                           rounds.rounds_[*partition] = *round;
                           return {};
                         }));
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
