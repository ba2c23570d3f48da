// kv-node: a replica behind messages. Serves what coordinators and kv-repairs ask; asks nobody but
// its own member's kv-gossip, for the map and for the voters' word on its start.
//
// The newest map it has seen is kept in its metadata, so that a restart never makes it older.
// Without sockets or threads: the event loop and the simulator drive it alike.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "libkv/base/environment.h"
#include "libkv/replica/replica.h"
#include "libkv/service/data_directory.h"
#include "libkv/service/dispatch.h"
#include "libkv/service/map_watch.h"
#include "libkv/service/node_memory.h"
#include "libkv/service/outbox.h"
#include "libkv/storage/engine.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

struct NodeSettings {
  ReplicaSettings replica;
  Duration tick_interval = 100ms;
  /// What the process may have resident, and what tells how much it has; 0 and empty where nobody
  /// bounds it (node_memory.h).
  uint64_t memory_bytes_max = 0;
  std::function<uint64_t()> resident_bytes;
  Duration show_start_interval = 500ms;  ///< Until the voters have answered.
  /// Called when nothing can be served from this directory any more; may be empty.
  std::function<void(const Error&)> give_up;
};

class NodeService final : public LoopHandler, private ReplicaAnswers, private ReplicaSignals {
 public:
  /// Takes up the map and the incarnation that the directory keeps. Everything handed in must
  /// outlive it. Errors: corrupt, format, io, no_space.
  static Result<std::unique_ptr<NodeService>> open(Environment& environment, Transport& transport,
                                                   DataDirectory& directory, Engine& engine,
                                                   const MemberInfo& self,
                                                   const NodeSettings& settings);

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override;
  void on_tick(Instant now) override;
  void end_of_turn(Instant now) override;

  /// Finishes what was begun and leaves the clean flag; then `stopped`. Turns go on meanwhile.
  void stop(std::function<void(const Status&)> stopped) { replica_->stop(std::move(stopped)); }

  Replica& replica() { return *replica_; }
  /// A majority of the voters holds this start: from now on they would tell if this directory came
  /// back as it was before it.
  bool start_is_recorded() const { return start_is_judged_; }

 private:
  struct Receiver;

  NodeService(Environment& environment, Transport& transport, DataDirectory& directory,
              Engine& engine, const MemberInfo& self, const NodeSettings& settings,
              MapPointer held);

  void answer(Asker asker, const msg::MintMade& made) override { send(asker, made); }
  void answer(Asker asker, const msg::MintDurable& durable) override { send(asker, durable); }
  void answer(Asker asker, const msg::Merged& merged) override { send(asker, merged); }
  void answer(Asker asker, const msg::ReadDone& done) override { send(asker, done); }
  void answer(Asker asker, const msg::ScanPageDone& done) override { send(asker, done); }
  void answer(Asker asker, const msg::Done& done) override { send(asker, done); }
  void answer(Asker asker, const msg::HintsListed& listed) override { send(asker, listed); }
  void answer(Asker asker, const msg::TreeRootsTold& told) override;
  void answer(Asker asker, const msg::TreeLeavesTold& told) override { send(asker, told); }
  void answer(Asker asker, const msg::LeafKeysTold& told) override { send(asker, told); }
  void answer(Asker asker, const msg::Fetched& fetched) override { send(asker, fetched); }
  void answer(Asker asker, const msg::OwedTold& told) override { send(asker, told); }
  size_t untaken_bytes(Asker asker) const override {
    return transport_.unsent_bytes(PeerId{asker.number});
  }
  template <typename Answered>
  void send(Asker asker, const Answered& answered) {
    outbox_.add(PeerId{asker.number}, answered);
  }

  void map_wanted(Epoch epoch) override { watch_.want(epoch); }
  void incarnation_drawn(uint64_t incarnation, uint64_t start_number) override;

  void watch_memory(Instant now);
  void on_view();
  Status keep_map(const MapPointer& map);
  void show_start(Instant now);
  void on_judged(const msg::StartJudged& judged);
  void note_losses(const msg::StartJudged& judged);
  void on_frame_of_another_cluster(PeerId from, const Frame& frame);
  void on_ask(PeerId from, const msg::Ask& ask);
  void explain(PeerId from, const msg::Ask& ask);
  void tell_roots(PeerId from, const msg::Ask& ask);
  Report status() const;

  Environment& environment_;
  Transport& transport_;
  DataDirectory& directory_;
  Engine& engine_;
  const MemberInfo self_;
  const NodeSettings settings_;
  Outbox outbox_;
  MapWatch watch_;
  std::unique_ptr<Replica> replica_;
  DispatchCounters frames_;
  MemoryWatch memory_;

  Instant next_tick_{};
  Instant next_show_{};
  bool start_is_judged_ = false;   ///< The voters have told whether this start is known.
  bool losses_are_known_ = false;  ///< They have told whether this directory is behind.
  int shows_answered_ = 0;
  const uint64_t run_;  ///< Of this process, told with its start.
  msg::RequestId shown_id_ = 0;
  bool map_cannot_be_kept_ = false;
  std::unordered_map<msg::RequestId, std::pair<PeerId, msg::RequestId>> root_askers_;
};

}  // namespace kv
