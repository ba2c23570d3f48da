// kv-repair: hands hints back and keeps its member's partitions equal with their other copies.
//
// Keeps no data; all it knows it asks of kv-nodes. Without sockets or threads: the event loop and
// the simulator drive it alike.
#pragma once

#include "libkv/base/environment.h"
#include "libkv/protocol/anti_entropy.h"
#include "libkv/protocol/hint_replay.h"
#include "libkv/service/dispatch.h"
#include "libkv/service/map_watch.h"
#include "libkv/service/outbox.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

struct RepairSettings {
  HintReplay::Settings hints;
  AntiEntropy::Settings anti_entropy;
};

class RepairService final : public LoopHandler {
 public:
  RepairService(Environment& environment, Transport& transport, const MemberInfo& self,
                const RepairSettings& settings);

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override;
  void on_tick(Instant now) override;
  void end_of_turn(Instant now) override;

 private:
  struct Receiver;

  void perform(RepairActions actions);
  void on_view(Instant now);
  Report status(Instant now) const;

  Environment& environment_;
  const MemberInfo self_;
  Outbox outbox_;
  MapWatch watch_;
  HintReplay hints_;
  AntiEntropy anti_entropy_;
  DispatchCounters counters_;
};

}  // namespace kv
