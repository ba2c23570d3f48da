#include "libkv/protocol/view_watch.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"

namespace kv {

ViewWatch::ViewWatch(const Settings& settings, MapPointer held, Instant now)
    : settings_(settings), next_watch_(now), told_at_(now) {
  view_.map = std::move(held);
}

bool ViewWatch::on_map(const MapPointer& map) {
  if (!map || (view_.map && map->cluster != view_.map->cluster)) return false;
  const bool newer = map->epoch > view_.epoch() || KV_PLANTED(apply_older_map);
  if (!newer) return false;
  view_.map = map;
  return true;
}

bool ViewWatch::on_view_told(const msg::ViewTold& told, Instant now) {
  told_at_ = now;
  const bool map_changed = on_map(told.map);
  return take_liveness(told) || map_changed;
}

// The upper half of a version names the run of kv-gossip. Within one run an older version is a
// frame that was overtaken; of another run it is what there is to know now.
bool ViewWatch::take_liveness(const msg::ViewTold& told) {
  if (told.members.empty() || told.liveness_version == liveness_version_) return false;
  const bool same_run = told.liveness_version >> 32 == liveness_version_ >> 32;
  if (same_run && told.liveness_version < liveness_version_) return false;
  liveness_version_ = told.liveness_version;
  std::map<MemberNumber, MemberLiveness> liveness;
  for (const msg::MemberSeen& seen : told.members) {
    liveness[seen.member] = {seen.liveness, seen.daemons_up};
  }
  if (liveness == view_.liveness) return false;
  view_.liveness = std::move(liveness);
  return true;
}

void ViewWatch::on_tick(Instant now, std::vector<msg::Watch>& to_send) {
  if (now < next_watch_) return;
  next_watch_ = now + settings_.interval;
  to_send.push_back({settings_.daemon, settings_.self, view_.epoch(), liveness_version_});
}

void WatchBoard::on_watch(const msg::Watch& watch, AskerId id, const News& news, Instant now,
                          GossipActions& actions) {
  const bool known = watchers_.count(id) != 0;
  if (!known && watchers_.size() >= settings_.watchers_max) return;
  Watcher& watcher = watchers_[id];
  watcher.daemon = watch.daemon;
  watcher.is_own = watch.member == settings_.self;
  watcher.seen_at = now;
  watcher.epoch = watch.epoch;
  watcher.liveness_version = watch.liveness_version;
  tell(id, watcher, news, actions);
}

void WatchBoard::tell(AskerId id, Watcher& watcher, const News& news, GossipActions& actions) {
  msg::ViewTold told;
  told.epoch = news.map ? news.map->epoch : 0;
  told.liveness_version = news.liveness_version;
  if (told.epoch > watcher.epoch) told.map = news.map;
  if (news.liveness_version != watcher.liveness_version) {
    for (const auto& [member, seen] : news.liveness) {
      told.members.push_back({member, seen.liveness, seen.daemons_up});
    }
  }
  watcher.epoch = std::max(watcher.epoch, told.epoch);
  watcher.liveness_version = news.liveness_version;
  actions.push_back(ReplyTo{id, std::move(told)});
}

void WatchBoard::on_news(const News& news, GossipActions& actions) {
  const Epoch epoch = news.map ? news.map->epoch : 0;
  for (auto& [id, watcher] : watchers_) {
    const bool told = watcher.epoch >= epoch && watcher.liveness_version == news.liveness_version;
    if (!told) tell(id, watcher, news, actions);
  }
}

void WatchBoard::on_tick(Instant now) {
  std::erase_if(watchers_, [&](const auto& entry) {
    return now - entry.second.seen_at >= settings_.lost_after;
  });
}

Instant WatchBoard::next_wake() const {
  Instant wake = Instant::max();
  for (const auto& [id, watcher] : watchers_) {
    wake = std::min(wake, watcher.seen_at + settings_.lost_after);
  }
  return wake;
}

uint8_t WatchBoard::daemons_up() const {
  unsigned bits = 1u << static_cast<int>(DaemonKind::gossip);
  for (const auto& [id, watcher] : watchers_) {
    if (watcher.is_own) bits |= 1u << static_cast<int>(watcher.daemon);
  }
  return static_cast<uint8_t>(bits);
}

}  // namespace kv
