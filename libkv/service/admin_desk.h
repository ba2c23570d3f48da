// Administration at a coordinator: answers verbs about the cluster from its view, asks the daemons
// of its own member (and, for `explain`, every replica of a key) and puts their answers together,
// and makes map changes that administrators ask for.
//
//   cluster            the map and who is alive, from here
//   status             this member's four daemons, each with its counters
//   ring               the table: slots, fallbacks, leaving of each partition
//   explain            a key: token, partition, slots, and what each replica has
//   roots              the root hash of each partition at this member's kv-node
//   keyspaces          all keyspaces with their settings
//   keyspace-create    a new keyspace: agreed by the voters before it answers
//
// Not thread-safe. Every question has a deadline: who has not answered by then is named.
#pragma once

#include <map>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/service/map_watch.h"
#include "libkv/service/outbox.h"

namespace kv {

class AdminDesk {
 public:
  AdminDesk(Environment& environment, Transport& transport, const MemberInfo& self, MapWatch& watch,
            Outbox& outbox);

  /// `own`: the coordinator's own counters, for `status`.
  void on_ask(PeerId from, const msg::Ask& ask, Report own, Instant now);
  void on_told(msg::Told told, Instant now);
  void on_proposed(const msg::Proposed& proposed, Instant now);
  void on_view(Instant now);
  void on_tick(Instant now);
  Instant next_wake() const;

 private:
  /// An answer that is put together from several.
  struct Gathering {
    PeerId from = PeerId::none;
    msg::RequestId ask_id = 0;
    Report report;
    std::map<msg::RequestId, std::string> awaited;  ///< To the member of the report it fills.
    Instant deadline{};
  };
  /// A map change that waits for the voters.
  struct Change {
    PeerId from = PeerId::none;
    msg::RequestId ask_id = 0;
    Report arguments;
    Instant deadline{};
    Epoch base = 0;         ///< Of the map that the last proposal was made from.
    Epoch wants_epoch = 0;  ///< After a conflict: tried again once this map is here.
  };

  void tell(PeerId to, msg::RequestId id, Answer answer, std::string detail, Report report = {});
  void gather_status(PeerId from, const msg::Ask& ask, Report own, Instant now);
  void gather_explain(PeerId from, const msg::Ask& ask, Instant now);
  void ask_into(Gathering& gathering, PeerId peer, const std::string& place,
                const std::string& verb, const Report& arguments);
  void start(Gathering gathering);
  void finish(const Gathering& gathering);
  void forward_to_node(PeerId from, const msg::Ask& ask, Instant now);
  void propose(msg::RequestId id, Change& change, Instant now);
  Report cluster() const;
  Report ring() const;
  Report keyspaces() const;

  const MemberInfo self_;
  MapWatch& watch_;
  Outbox& outbox_;
  PeerId own_node_;
  PeerId own_repair_;
  std::map<uint64_t, Gathering> gatherings_;
  std::map<msg::RequestId, uint64_t> gathering_of_;
  std::map<msg::RequestId, Change> changes_;
  uint64_t next_ = 1;
};

}  // namespace kv
