#include "libkv/protocol/map_spread.h"

#include <utility>

#include "libkv/base/planted.h"

namespace kv {

MapSpread::MapSpread(const Settings& settings, Random random, MapPointer held, Instant now)
    : settings_(settings),
      random_(random),
      held_(std::move(held)),
      next_tick_(now),
      heard_at_(now),
      next_pull_(now) {}

void MapSpread::on_heard(MemberNumber from, Epoch epoch, Instant now, GossipActions& actions) {
  heard_at_ = now;
  if (epoch <= this->epoch() || now < next_pull_ || from == settings_.self) return;
  next_pull_ = now + settings_.pull_interval;
  actions.push_back(Send{from, msg::MapPull{this->epoch()}, nullptr});
}

void MapSpread::on_pull(const msg::MapPull& pull, AskerId asker, Instant /*now*/,
                        GossipActions& actions) {
  if (epoch() <= pull.have || pushes_ >= settings_.pushes_per_interval_max) return;
  ++pushes_;
  actions.push_back(ReplyTo{asker, msg::MapPush{held_}});
}

void MapSpread::on_push(const msg::MapPush& push, Instant now, GossipActions& actions) {
  heard_at_ = now;
  if (push.map && is_for_us(*push.map)) take(push.map, actions);
}

void MapSpread::on_decided(const MapPointer& map, Instant /*now*/, GossipActions& actions) {
  if (map && is_for_us(*map)) take(map, actions);
}

// Member numbers repeat from cluster to cluster. So a first map counts only if it names this very
// store, or if there are seeds, whose word the configuration takes.
bool MapSpread::is_for_us(const ClusterMap& map) const {
  if (held_) return map.cluster == held_->cluster;
  const MemberInfo* self = map.member(settings_.self);
  return (self != nullptr && self->store_id == settings_.store_id) || settings_.seeds > 0;
}

void MapSpread::take(const MapPointer& map, GossipActions& actions) {
  const bool older = map->epoch < epoch() && !KV_PLANTED(apply_older_map);
  if (older || map->epoch == epoch() || map->epoch == 0 || !check(*map)) return;
  held_ = map;
  actions.push_back(Persist{DecidedRow{map}});
  actions.push_back(Adopted{map});
}

void MapSpread::on_tick(Instant now, GossipActions& actions) {
  if (now < next_tick_) return;
  next_tick_ = now + settings_.pull_interval;
  pushes_ = 0;
  const bool alone = !held_ || now - heard_at_ >= settings_.quiet_after;
  if (!alone || settings_.seeds == 0) return;
  const size_t seed = random_.below(settings_.seeds);
  actions.push_back(SendToSeed{seed, msg::MapPull{epoch()}});
}

}  // namespace kv
