// How the daemons of a member and their kv-gossip watch each other.
//
// A daemon says Watch each interval: that is how kv-gossip knows that it runs, and how the daemon
// comes by the view (the newest map, who is alive) and hears of a change at once. Both sides are
// here. The daemon's never goes back to an older map, whatever it is told; who is alive it takes
// from whichever run of kv-gossip speaks to it, since a restarted one begins anew.
//
//   daemon                        kv-gossip of the same member
//     │ Watch(epoch, version)         │  seen: this daemon runs; not for watch_lost_after: it does
//     not │◄── ViewTold(what is newer) ───│ │◄── ViewTold ──────────────────│  the map or
//     somebody's liveness changed
//
// Pure: time is handed in. Not thread-safe.
#pragma once

#include <map>

#include "libkv/base/limits.h"
#include "libkv/base/time.h"
#include "libkv/model/view.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

/// The daemon's side.
class ViewWatch {
 public:
  struct Settings {
    DaemonKind daemon = DaemonKind::node;
    MemberNumber self = 0;
    Duration interval = limits::watch_interval;
    Duration lost_after = limits::watch_lost_after;
  };
  /// `held`: the newest map that this daemon keeps, null if none.
  ViewWatch(const Settings& settings, MapPointer held, Instant now);

  /// A newer map came from elsewhere (a request of a later epoch). True if the view changed.
  bool on_map(const MapPointer& map);
  /// True if the view changed.
  bool on_view_told(const msg::ViewTold& told, Instant now);
  /// The Watch to send to the own kv-gossip, when it is time for one.
  void on_tick(Instant now, std::vector<msg::Watch>& to_send);
  Instant next_wake() const { return next_watch_; }

  const View& view() const { return view_; }
  /// kv-gossip has not answered for so long: the view may be old.
  bool gossip_is_lost(Instant now) const { return now - told_at_ >= settings_.lost_after; }

 private:
  bool take_liveness(const msg::ViewTold& told);

  const Settings settings_;
  View view_;
  uint64_t liveness_version_ = 0;
  Instant next_watch_;
  Instant told_at_;
};

/// kv-gossip's side: its member's daemons.
class WatchBoard {
 public:
  struct Settings {
    MemberNumber self = 0;
    Duration lost_after = limits::watch_lost_after;
    size_t watchers_max = 64;
  };
  /// What there is to be told.
  struct News {
    MapPointer map;
    uint64_t liveness_version = 0;
    std::map<MemberNumber, MemberLiveness> liveness;
  };
  explicit WatchBoard(const Settings& settings) : settings_(settings) {}

  /// Answers with what is newer than the watcher's. A Watch of another member's daemon is a
  /// configuration fault; it is answered, but counts as nobody's daemon.
  void on_watch(const msg::Watch& watch, AskerId watcher, const News& news, Instant now,
                GossipActions& actions);
  /// Tells each watcher what it has not been told. To be called when the view has changed.
  void on_news(const News& news, GossipActions& actions);
  /// Forgets the daemons that were not heard for lost_after.
  void on_tick(Instant now);
  /// When the next daemon would be forgotten; Instant::max() if there is none.
  Instant next_wake() const;
  /// Bits by DaemonKind.
  uint8_t daemons_up() const;

 private:
  struct Watcher {
    DaemonKind daemon = DaemonKind::node;
    bool is_own = false;
    Instant seen_at;
    Epoch epoch = 0;  ///< The newest it has or was told.
    uint64_t liveness_version = 0;
  };
  static void tell(AskerId id, Watcher& watcher, const News& news, GossipActions& actions);

  const Settings settings_;
  std::map<AskerId, Watcher> watchers_;
};

}  // namespace kv
