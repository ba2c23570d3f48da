// Spreading decided maps by gossip: the epoch rides on every heartbeat, who is behind pulls from
// whoever was ahead, and the one map held never becomes older (protocols.md, section 5).
//
// Bounds: one pull a pull interval, and a few pushes in each (a map of a large cluster is
// megabytes); whoever is not served pulls again. Seeds are asked while there is no map, and when
// nobody has been heard for a while: their addresses come from the configuration and stay right
// when those of the map no longer are.
//
// Pure: time and randomness are handed in. Not thread-safe.
#pragma once

#include "libkv/base/random.h"
#include "libkv/base/time.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

class MapSpread {
 public:
  struct Settings {
    MemberNumber self = 0;
    uint64_t store_id = 0;
    size_t seeds = 0;  ///< How many the configuration names.
    Duration pull_interval = 250ms;
    Duration quiet_after = 2s;  ///< Nobody heard for so long: ask a seed.
    size_t pushes_per_interval_max = 8;
  };
  /// `held`: the newest map of the store, null if there is none.
  MapSpread(const Settings& settings, Random random, MapPointer held, Instant now);

  const MapPointer& held() const { return held_; }
  Epoch epoch() const { return held_ ? held_->epoch : 0; }

  /// A heartbeat came from `from`, whose map is of `epoch`.
  void on_heard(MemberNumber from, Epoch epoch, Instant now, GossipActions& actions);
  void on_pull(const msg::MapPull& pull, AskerId asker, Instant now, GossipActions& actions);
  void on_push(const msg::MapPush& push, Instant now, GossipActions& actions);
  void on_decided(const MapPointer& map, Instant now, GossipActions& actions);
  void on_tick(Instant now, GossipActions& actions);
  Instant next_wake() const { return next_tick_; }

 private:
  bool is_for_us(const ClusterMap& map) const;
  void take(const MapPointer& map, GossipActions& actions);

  const Settings settings_;
  Random random_;
  MapPointer held_;
  Instant next_tick_;
  Instant heard_at_;
  Instant next_pull_;
  size_t pushes_ = 0;  ///< In the present interval.
};

}  // namespace kv
