// Reads of single keys: for coordinators, for repairs, for explain. What memory can answer is
// answered at once; what needs the disk comes later and holds nothing up.
//
//   slot       own data, joined with a hint that it still has from its time as a fallback
//   fallback   the hint
//   leaving    both
// Lives on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libkv/replica/replica_core.h"
#include "libkv/replica/stored_hint.h"

namespace kv {

/// What a replica knows of one key, for kv-explain.
struct KeyFacts {
  Answer answer = Answer::ok;
  Epoch epoch = 0;
  PartitionKey partition;
  uint32_t leaf = 0;
  Standing standing;
  Round round = 0;
  bool refilling = false;
  std::optional<StoredRecord> own;
  FoundIn own_found_in = FoundIn::nowhere;
  int own_level = -1;  ///< Of the SSTable, where one answered.
  std::optional<StoredHint> hint;
};

class Reads {
 public:
  explicit Reads(ReplicaCore& core);
  Reads(const Reads&) = delete;
  Reads& operator=(const Reads&) = delete;

  void read(Asker asker, const msg::Read& request, Instant deadline);
  /// Own data only, as that is what trees compare.
  void fetch(Asker asker, const msg::Fetch& request, Instant deadline);
  void explain(KeyspaceId keyspace, const SharedBytes& key,
               std::function<void(const KeyFacts&)> done);

  size_t waiting_for_disk() const { return on_disk_; }

 private:
  struct ReadStep;
  struct FetchStep;
  using LookedUp = std::function<void(const Result<Lookup>&)>;
  /// Calls `then` now or when the disk has answered. busy: too many wait for it.
  void look_up(const std::string& key, LookedUp then);

  void read_hint(const std::shared_ptr<ReadStep>& step);
  void finish_read(const std::shared_ptr<ReadStep>& step);
  void tell_read(const ReadStep& step, Answer answer);
  void fetched_one(const std::shared_ptr<FetchStep>& step, size_t index,
                   const Result<Lookup>& found);
  void finish_fetch(const std::shared_ptr<FetchStep>& step);

  ReplicaCore& core_;
  size_t on_disk_ = 0;
  std::shared_ptr<Reads*> self_;  // What the engine's completions look at.
};

}  // namespace kv
