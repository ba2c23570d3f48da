// kv-gossip: tells who is alive, votes on the cluster map and spreads it, and lets the daemons of
// its own member watch both.
//
// The decisions are the machines' (protocol/); here messages are handed to them, what they want
// durable is committed before what follows it is sent, and sends become frames. Without sockets or
// threads: the event loop and the simulator drive it alike.
//
// After a failed commit it goes on gossiping, but neither votes nor records starts until its
// restart.
#pragma once

#include <memory>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/protocol/failure_detector.h"
#include "libkv/protocol/map_register.h"
#include "libkv/protocol/map_spread.h"
#include "libkv/protocol/proposal_relay.h"
#include "libkv/protocol/start_registry.h"
#include "libkv/protocol/view_watch.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/dispatch.h"
#include "libkv/service/gossip_store.h"
#include "libkv/service/liveness_log.h"
#include "libkv/service/outbox.h"
#include "libkv/service/peers.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

struct GossipSettings {
  std::vector<Endpoint> seeds;  ///< kv-gossips of other members, by the configuration.
};

class GossipService final : public LoopHandler {
 public:
  /// Reads the directory and raises the start number. Errors: as of the metadata; wrong_cluster if
  /// the map is not of the cluster to which the directory is bound. What is referred to must
  /// outlive it.
  static Result<std::unique_ptr<GossipService>> open(Environment& environment, Transport& transport,
                                                     DataDirectory& directory,
                                                     const MemberInfo& self,
                                                     const GossipSettings& settings);

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override;
  void on_tick(Instant now) override;
  void end_of_turn(Instant now) override;

  const MapPointer& map() const { return spread_.held(); }

 private:
  struct Receiver;
  GossipService(Environment& environment, Transport& transport, DataDirectory& directory,
                const MemberInfo& self, const GossipSettings& settings,
                GossipStore::Contents contents, Instant now, GossipActions& actions);

  void perform(GossipActions actions, Instant now);
  /// False: a commit failed, and what follows must not be done.
  bool perform_one(const GossipAction& action, Instant now, GossipActions& more);
  bool commit(const Persist& persist);
  void adopt(const MapPointer& map, Instant now, GossipActions& more);
  void renew_store();
  void name_own_store(Instant now, GossipActions& actions);
  void tell_own_cluster(PeerId from, const Frame& frame);
  PeerId peer_of(const Send& send);
  void take_own(const GossipMessage& message, Instant now, GossipActions& more);
  void propose(const msg::Propose& propose, AskerId asker, Instant now, GossipActions& actions);
  WatchBoard::News news() const;
  void tell_news(Instant now);
  void on_ask(PeerId from, const msg::Ask& ask);
  Report status() const;
  Report members() const;
  Result<Report> map_history();

  Environment& environment_;
  Transport& transport_;
  DataDirectory& directory_;
  const MemberInfo self_;
  GossipStore store_;
  Outbox outbox_;
  Peers peers_;
  std::vector<PeerId> seeds_;
  DispatchCounters counters_;
  bool store_failed_ = false;
  bool store_is_old_ = false;
  static constexpr Duration kNamingInterval = 2s;
  Instant next_naming_{};

  FailureDetector detector_;
  MapSpread spread_;
  Voter voter_;
  Proposer proposer_;
  ProposalRelay relay_;
  StartRegistry starts_;
  StartInquiry inquiry_;
  WatchBoard board_;
  LivenessLog liveness_log_;
  Epoch told_epoch_ = 0;
  uint64_t told_version_ = 0;
};

}  // namespace kv
