#include "libkv/service/map_watch.h"

namespace kv {

MapWatch::MapWatch(DaemonKind daemon, MemberNumber self, const Endpoint& gossip, MapPointer held,
                   Transport& transport, Outbox& outbox, Instant now)
    : watch_({daemon, self}, std::move(held), now),
      daemon_(daemon),
      self_(self),
      outbox_(outbox),
      peers_(transport),
      gossip_(transport.connect(gossip)) {
  if (map()) take_map();
}

void MapWatch::take_map() {
  peers_.set_map(*map());
  outbox_.set_head({map()->cluster, map()->epoch});
}

bool MapWatch::on_view_told(const msg::ViewTold& told, Instant now) {
  const MapPointer before = map();
  const bool changed = watch_.on_view_told(told, now);
  if (map() != before) take_map();
  return changed;
}

void MapWatch::want(Epoch epoch) {
  wanted_ = wanted_ || epoch > view().epoch();
}

void MapWatch::on_tick(Instant now) {
  std::vector<msg::Watch> watches;
  watch_.on_tick(now, watches);
  const bool ask = wanted_ && now >= asked_at_ + kAskAgainAfter;
  if (watches.empty() && ask) watches.push_back({daemon_, self_, view().epoch(), 0});
  if (!watches.empty()) {
    asked_at_ = now;
    wanted_ = false;
  }
  for (const msg::Watch& watch : watches) outbox_.add(gossip_, watch);
}

}  // namespace kv
