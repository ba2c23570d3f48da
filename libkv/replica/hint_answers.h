// Handing hints back: listing them for a kv-repair, and striking an owner once it has durably
// acknowledged exactly what the hint still is. A hint goes when its last owner is struck.
//
// An acknowledgement that names less than the hint is now is worth nothing: the hint has grown
// while it was delivered, and is delivered again. Lives on the loop's thread.
#pragma once

#include <memory>

#include "libkv/replica/replica_core.h"
#include "libkv/replica/stored_hint.h"

namespace kv {

class HintAnswers {
 public:
  explicit HintAnswers(ReplicaCore& core) : core_(core) {}

  /// In the engine's order, by pages bounded in number and bytes. not_found: `after` names a
  /// keyspace that the map does not have.
  void list(Asker asker, const msg::HintList& request, Instant deadline);
  /// stale_epoch: some were not struck, as their partition's owners have changed since the
  /// acknowledgement. The others are.
  void strike(Asker asker, const msg::HintStrikes& request, Instant deadline);

 private:
  struct Listing;
  struct Striking;
  Answer first_key(const msg::HintList& request, std::string* key) const;
  Answer begin_strike(const std::shared_ptr<Striking>& striking, const msg::HintStrike& strike);
  Answer strike_one(const PartitionKey& partition, const std::string& key,
                    const msg::HintStrike& strike, const Result<Lookup>& found);
  void finish_one(const std::shared_ptr<Striking>& striking, Answer answer);

  ReplicaCore& core_;
};

}  // namespace kv
