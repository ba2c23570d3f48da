// What a replica tells: its answers, and what it wants of the service around it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libkv/model/ids.h"
#include "libkv/protocol/node_messages.h"
#include "libkv/protocol/repair_messages.h"

namespace kv {

/// Whom an answer is for: the service's own number; the replica only hands it back.
struct Asker {
  uint64_t number = 0;
  friend bool operator==(const Asker&, const Asker&) = default;
};

/// Called on the loop, also while a request is being handed in; must not call the replica. A Mint
/// is answered by MintMade and, if that says ok, by MintDurable; everything else by one answer.
class ReplicaAnswers {
 public:
  virtual ~ReplicaAnswers() = default;
  virtual void answer(Asker asker, const msg::MintMade& made) = 0;
  virtual void answer(Asker asker, const msg::MintDurable& durable) = 0;
  virtual void answer(Asker asker, const msg::Merged& merged) = 0;
  virtual void answer(Asker asker, const msg::ReadDone& done) = 0;
  virtual void answer(Asker asker, const msg::ScanPageDone& done) = 0;
  virtual void answer(Asker asker, const msg::Done& done) = 0;
  virtual void answer(Asker asker, const msg::HintsListed& listed) = 0;
  virtual void answer(Asker asker, const msg::TreeRootsTold& told) = 0;
  virtual void answer(Asker asker, const msg::TreeLeavesTold& told) = 0;
  virtual void answer(Asker asker, const msg::LeafKeysTold& told) = 0;
  virtual void answer(Asker asker, const msg::Fetched& fetched) = 0;
  virtual void answer(Asker asker, const msg::OwedTold& told) = 0;
  /// Of answers that the asker was given and has not taken yet.
  virtual size_t untaken_bytes(Asker asker) const = 0;
};

/// The same rules as for ReplicaAnswers.
class ReplicaSignals {
 public:
  virtual ~ReplicaSignals() = default;
  /// Somebody plans with this newer map; set_map() is awaited. Repeated with each tick until then.
  virtual void map_wanted(Epoch epoch) = 0;
  /// A new incarnation was drawn while running: show it to the voters.
  virtual void incarnation_drawn(uint64_t incarnation, uint64_t start_number) = 0;
};

}  // namespace kv
