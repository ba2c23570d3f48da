// The simulated operator: does what kv-init does, and asks as kv-wait does whether the cluster has
// settled. A process of its own on the network.
//
// Single-threaded. The network must outlive it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "libkv/protocol/messages.h"
#include "libkv/wire/frame_codec.h"
#include "tests/sim/sim_network.h"

namespace kv {

inline constexpr SimHost kOperatorHost = 100'000;

class SimOperator final : public LoopHandler {
 public:
  explicit SimOperator(SimNetwork& network) : process_(network, kOperatorHost, "") {
    process_.drive(this);
  }

  template <typename M>
  void send(const Endpoint& to, const M& message) {
    FrameBuilder builder;
    builder.add(message);
    process_.send(process_.connect(to), builder.take(FrameHead{}));
  }

  // What came back, by request id.
  std::map<msg::RequestId, msg::Introduced> introduced;
  std::map<msg::RequestId, msg::Proposed> proposed;
  std::map<msg::RequestId, msg::Told> told;

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override { return Instant::max(); }
  void on_tick(Instant) override {}
  void end_of_turn(Instant) override {}

  void on(msg::Introduced&& message) { introduced[message.id] = std::move(message); }
  void on(msg::Proposed&& message) { proposed[message.id] = std::move(message); }
  /// Calls `act`, once, with the next map that comes.
  void on_next_map(std::function<void(const MapPointer&)> act) { next_map_ = std::move(act); }
  void on(msg::MapPush&& message) {
    if (auto act = std::exchange(next_map_, nullptr); act && message.map) act(message.map);
  }
  void on(msg::Told&& message) { told[message.id] = std::move(message); }

 private:
  SimProcess process_;
  std::function<void(const MapPointer&)> next_map_;
};

}  // namespace kv
