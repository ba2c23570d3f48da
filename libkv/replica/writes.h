// Mints and merges: read, change and write of one record as one step, in one batch with whatever
// must be atomic with it, then an acknowledgement once the log has it.
//
//   (room in the engine) →
//   Mint    turn on the key → mint → batch (record, owed repairs) → MintMade at once
//                                                                   … durable → MintDurable
//   Merge   turn on the key → merge → batch                         … durable → Merged
//
// Refused before anything is read: by the map, the round, refilling, limits. Judged again when the
// turn comes, as the key may have been parked: after a replica has taken a map, nothing planned
// with an older one may be written there, else a move's fill could miss it.
// Lives on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "libkv/replica/key_layout.h"
#include "libkv/replica/replica_core.h"
#include "libkv/replica/stored_hint.h"
#include "libkv/replica/waiting_requests.h"

namespace kv {

class Writes {
 public:
  explicit Writes(ReplicaCore& core) : core_(core), waiting_(core.settings.waiting_bytes_max) {}

  void mint(Asker asker, const msg::Mint& request, Instant deadline);
  void merge(Asker asker, const msg::Merge& request, Instant deadline);

  /// Merges a hint of this member's own into its own data, as it has become an owner. `then` gets
  /// what it came to, once that is applied.
  void take_over(const PartitionKey& partition, KeyspaceId keyspace, const SharedBytes& name,
                 const StoredHint& hint, std::function<void(Answer)> then);

 private:
  /// Where a record lies.
  struct Place {
    PartitionKey partition;
    RecordKind kind = RecordKind::causal;
    KeyspaceId keyspace = 0;
    SharedBytes name;
    Space space = Space::own;
    std::string engine_key;
  };
  /// What lies there. In own data without owners.
  struct Held {
    StoredHint hint;
    size_t stored_bytes = 0;  ///< 0: nothing.
    std::optional<Hash128> digest;
  };
  template <typename Request>
  struct Step {
    Asker asker;
    const Request& request;
    Place place;
  };
  struct Written {
    Sequence sequence;
    Hash128 digest;  ///< Of the record as it is now.
  };

  template <typename Request>
  void begin(Asker asker, const Request& request, Instant deadline,
             void (Writes::*run)(const Step<Request>&, const Result<Lookup>&));
  /// The same, of a write that need not wait for room, or no longer: then `kept` holds it.
  template <typename Request>
  void enter(Asker asker, const Request& request, std::shared_ptr<const Request> kept,
             Instant deadline, void (Writes::*run)(const Step<Request>&, const Result<Lookup>&));
  template <typename Request>
  void refuse(Asker asker, const Request& request, Answer why);

  template <typename Request>
  Answer admit(const Request& request, Instant deadline, Place* place) const;
  Answer admit_role(const PartitionKey& partition, const Standing& standing,
                    const msg::Members& hint_for) const;
  Answer admit_content(const msg::Mint& request, const Placed& placed) const;
  Answer admit_content(const msg::Merge& request, const Placed& placed) const;
  static Result<Held> decode(const Place& place, const Result<Lookup>& found);

  void run_mint(const Step<msg::Mint>& step, const Result<Lookup>& found);
  Answer mint_into(StoredRecord* stored, const Place& place, const msg::Mint& request,
                   bool* repeated);
  void tell_repeated(const Step<msg::Mint>& step, const StoredRecord& held);
  void tell_made(const Step<msg::Mint>& step, const StoredRecord& stored, bool repeated);
  DurableQueue::Then mint_durable(const Step<msg::Mint>& step);

  void run_merge(const Step<msg::Merge>& step, const Result<Lookup>& found);
  bool join(StoredHint* hint, const Record& incoming);
  bool join_hint(StoredHint* hint, bool existed, const msg::Merge& request);
  struct Merging {
    const Record& before;
    const Record& after;
    Written written;
  };
  void acknowledge(const Step<msg::Merge>& step, const Merging& merging);
  void run_take_over(const Place& place, const Record& incoming, const Result<Lookup>& found,
                     const std::function<void(Answer)>& then);

  Result<Written> write(const Place& place, const Held& before, const StoredHint& after,
                        const msg::Members& owed);
  Status check_hint_budget(const Place& place, const Held& before, const StoredHint& after,
                           size_t bytes_after);
  Result<Sequence> write_owed(const PartitionKey& partition, const msg::Members& owed);
  void incur(const PartitionKey& partition, const msg::Members& members, WriteBatch* batch);

  ReplicaCore& core_;
  const WaitingRequests waiting_;  // For room, or for their key.
};

}  // namespace kv
