// Reads of single keys: for coordinators, for repairs, for explain. What memory can answer is
// answered at once; what needs the disk comes later and holds nothing up. What one frame asks for
// is looked up together, as long as nothing comes between that could change it.
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
#include <vector>

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

  /// From here to end_gather() the keys that are asked for wait for each other, so that they are
  /// looked up together.
  void begin_gather() { gathers_ = true; }
  void end_gather() {
    answer_gathered();
    gathers_ = false;
  }
  /// Answers what waits so. Before every change of what it could find.
  void answer_gathered();

  size_t waiting_for_disk() const { return on_disk_; }

 private:
  struct ReadStep;
  struct FetchStep;
  using LookedUp = std::function<void(const Result<Lookup>&)>;
  struct Wanted {
    std::string key;
    LookedUp then;
  };
  /// Calls `then` now, with those that are gathered, or when the disk has answered. busy: too many
  /// wait for it.
  void look_up(const std::string& key, LookedUp then);
  void look_up_on_disk(const std::string& key, LookedUp then);
  void look_up_together(std::vector<Wanted> wanted);

  void read_hint(const std::shared_ptr<ReadStep>& step);
  void finish_read(const std::shared_ptr<ReadStep>& step);
  void tell_read(const ReadStep& step, Answer answer);
  void fetched_one(const std::shared_ptr<FetchStep>& step, size_t index,
                   const Result<Lookup>& found);
  void finish_fetch(const std::shared_ptr<FetchStep>& step);

  ReplicaCore& core_;
  size_t on_disk_ = 0;
  bool gathers_ = false;
  std::vector<Wanted> gathered_;
  std::shared_ptr<Reads*> self_;  // What the engine's completions look at.
};

}  // namespace kv
