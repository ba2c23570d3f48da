// The purge round of each partition: what a record that travels carries, and below which a merge is
// refused, as it was read before a purge that has happened here. Durable rows; 0 until the first
// purge. Lives on the loop's thread; load() reads the rows.
#pragma once

#include <map>

#include "libkv/model/ids.h"
#include "libkv/replica/start_rows.h"
#include "libkv/storage/engine.h"

namespace kv {

class Rounds {
 public:
  /// Errors: corrupt (a row), io.
  static Result<Rounds> load(Engine& engine, UnreadableRows* unreadable);

  Round of(const PartitionKey& partition) const;
  /// Never lowers it. Counts at once; the row goes into `batch`.
  void raise(const PartitionKey& partition, Round round, WriteBatch* batch);

 private:
  std::map<PartitionKey, Round> rounds_;
};

}  // namespace kv
