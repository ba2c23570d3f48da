#include "tests/sim/nemesis.h"

#include <algorithm>

namespace kv {

namespace {

// What share of seeds has each class, in the order of FaultClass.
constexpr std::array<double, kFaultClasses> kShares = {0.5, 0.4, 0.4, 0.5, 0.4, 0.4, 0.5, 0.4, 0.3,
                                                       0.5, 0.2, 0.2, 0.2, 0.2, 0.3, 0.1, 0.2, 0.3};
constexpr double kBeyondBudgetShare = 0.1;
constexpr Duration kDownMax = 8s;
constexpr Duration kCutMax = 10s;

}  // namespace

const char* to_string(FaultClass fault) {
  static constexpr std::array<const char*, kFaultClasses> kNames = {
      "loss",        "duplication",  "straggling", "partition",  "one_way",    "stall",
      "daemon_kill", "member_kill",  "clean_stop", "power_loss", "wipe",       "roll_back",
      "rot",         "failed_calls", "slow_disk",  "full_disk",  "clock_jump", "map_change"};
  return kNames[static_cast<size_t>(fault)];
}

Nemesis::Nemesis(SimCluster& cluster, uint64_t seed, const SimWorld& world, const std::string& only)
    : cluster_(cluster), world_(world), random_(seed), network_share_(world.network_share) {
  for (size_t i = 0; i < kFaultClasses; ++i) enabled_[i] = random_.chance(kShares[i]);
  beyond_budget_ = destroys() && random_.chance(kBeyondBudgetShare);
  pause_max_ = between(500ms, 6s);
  if (!only.empty()) {
    enable(only);
    network_share_ = 0.3;
    pause_max_ = between(500ms, 2s);
  } else if (*world.faults != '\0') {
    enable(world.faults);
    pause_max_ = world.strike_pause_max;
  }
}

void Nemesis::enable(const std::string& only) {
  const std::string names = "," + only + ",";
  for (size_t i = 0; i < kFaultClasses; ++i)
    enabled_[i] = names.find(std::string(",") + to_string(static_cast<FaultClass>(i)) + ",") !=
                  std::string::npos;
  beyond_budget_ = false;
}

bool Nemesis::destroys() const {
  return has(FaultClass::wipe) || has(FaultClass::roll_back) || has(FaultClass::rot);
}

std::string Nemesis::classes() const {
  std::string text = beyond_budget_ ? "beyond the budget:" : "faults:";
  for (size_t i = 0; i < kFaultClasses; ++i)
    if (enabled_[i]) text += std::string(" ") + to_string(static_cast<FaultClass>(i));
  return text;
}

Duration Nemesis::between(Duration min, Duration max) {
  return min + Duration(static_cast<int64_t>(
                   random_.below(static_cast<uint64_t>((max - min).count()) + 1)));
}

SimMember& Nemesis::any_member() {
  return *cluster_.members()[random_.below(cluster_.members().size())];
}

DaemonKind Nemesis::any_daemon() {
  return static_cast<DaemonKind>(random_.below(kDaemonKinds));
}

void Nemesis::start() {
  running_ = true;
  set_network_faults();
  for (auto& member : cluster_.members()) take_snapshot(*member);
  strike_later();
}

void Nemesis::set_network_faults() {
  NetworkFaults faults;
  if (has(FaultClass::loss)) faults.loss = network_share_ * random_.unit();
  if (has(FaultClass::duplication)) faults.duplicate = network_share_ * random_.unit();
  if (has(FaultClass::straggling)) {
    faults.straggle = network_share_ * random_.unit();
    faults.straggle_max = between(10ms, 3s);
    faults.delay_max = between(200us, 5ms);
  }
  cluster_.network().set_faults(faults);
}

void Nemesis::strike_later() {
  cluster_.scheduler().after(between(pause_max_ / 10, pause_max_), [this, alive = alive_] {
    if (!*alive || !running_) return;
    strike();
    strike_later();
  });
}

void Nemesis::strike() {
  std::vector<FaultClass> choices;
  for (size_t i = 0; i < kFaultClasses; ++i) {
    const auto fault = static_cast<FaultClass>(i);
    const bool standing = fault == FaultClass::loss || fault == FaultClass::duplication ||
                          fault == FaultClass::straggling;
    if (enabled_[i] && !standing) choices.push_back(fault);
  }
  if (!choices.empty()) strike(choices[random_.below(choices.size())]);
}

void Nemesis::strike(FaultClass fault) {
  switch (fault) {
    case FaultClass::partition:
    case FaultClass::one_way:
      return cut(fault == FaultClass::one_way);
    case FaultClass::stall:
      count(fault);
      return any_member().stall(any_daemon(), between(10ms, 4s));
    case FaultClass::daemon_kill:
      return kill_daemon();
    case FaultClass::member_kill:
    case FaultClass::clean_stop:
    case FaultClass::power_loss:
      return kill_member(fault);
    case FaultClass::wipe:
    case FaultClass::roll_back:
    case FaultClass::rot:
      return destroy(fault);
    case FaultClass::sync_failure:
      return fail_calls();
    case FaultClass::slow_disk:
      return slow_a_disk();
    case FaultClass::full_disk:
      return fill_a_disk();
    case FaultClass::clock_jump:
      count(fault);
      return any_member().shift_wall(between(-5s, 5s));
    case FaultClass::map_change:
      return change_map();
    default:
      return;
  }
}

void Nemesis::cut(bool one_way) {
  count(one_way ? FaultClass::one_way : FaultClass::partition);
  const auto& members = cluster_.members();
  // Who is on this side; a cut between two alone is a partial partition.
  std::vector<SimHost> here, there;
  if (random_.chance(world_.all_but_one_share)) {
    SimMember& alone = any_member();
    const SimMember& reached = any_member();
    here.push_back(alone.number());
    for (const auto& member : members)
      if (member->number() != reached.number()) there.push_back(member->number());
    if (random_.chance(0.5)) alone.stall(any_daemon(), between(500ms, 4s));
  } else if (!random_.chance(std::max(0.5, world_.between_two_share))) {
    for (const auto& member : members)
      (random_.chance(0.5) ? here : there).push_back(member->number());
  } else {
    here.push_back(any_member().number());
    there.push_back(any_member().number());
  }
  cut_between(here, there, one_way, between(100ms, kCutMax));
}

void Nemesis::cut_between(const std::vector<SimHost>& here, const std::vector<SimHost>& there,
                          bool one_way, Duration time) {
  const auto each = [here, there](const auto& act) {
    for (const SimHost a : here)
      for (const SimHost b : there)
        if (a != b) act(a, b);
  };
  SimNetwork& network = cluster_.network();
  each([&](SimHost a, SimHost b) {
    network.cut(a, b);
    if (!one_way) network.cut(b, a);
  });
  cluster_.trace().info(
      "cut", {{"here", here.size()}, {"there", there.size()}, {"one_way", one_way ? "yes" : "no"}});
  cluster_.scheduler().after(time, [each, &network] {
    each([&](SimHost a, SimHost b) {
      network.heal(a, b);
      network.heal(b, a);
    });
  });
}

void Nemesis::kill_daemon() {
  SimMember& member = any_member();
  const DaemonKind kind = any_daemon();
  if (!member.runs(kind)) return;
  count(FaultClass::daemon_kill);
  member.kill(kind);
  cluster_.scheduler().after(between(10ms, 3s), [this, &member, alive = alive_] {
    if (*alive) start_or_replace(member);
  });
}

/// The building has no power: nobody's memory can stand in for what a disk lost.
void Nemesis::lose_power_everywhere() {
  count(FaultClass::power_loss);
  for (auto& member : cluster_.members()) {
    if (down_[member->number()]) continue;
    down_[member->number()] = true;
    lose_power(*member);
    start_later(*member, between(50ms, 2s));
  }
}

void Nemesis::lose_power(SimMember& member) {
  const auto& policies = crash_policies();
  member.lose_power(policies[random_.below(policies.size())]);
}

/// The power goes after a few more changes of the disk, so between a write and its sync, too.
void Nemesis::lose_power_in_a_write(SimMember& member, Duration down) {
  member.disk().fail_power_after(random_.below(8));
  lose_power_when_off(member, down, cluster_.scheduler().now() + 1s);
}

// Until this looks, the processes live on with a disk that fails.
void Nemesis::lose_power_when_off(SimMember& member, Duration down, Instant at_latest) {
  cluster_.scheduler().after(50us, [this, &member, down, at_latest, alive = alive_] {
    if (!*alive) return;
    if (!member.disk().is_power_off() && cluster_.scheduler().now() < at_latest)
      return lose_power_when_off(member, down, at_latest);
    lose_power(member);
    start_later(member, down);
  });
}

void Nemesis::kill_member(FaultClass fault) {
  if (fault == FaultClass::power_loss && random_.chance(0.3)) return lose_power_everywhere();
  SimMember& member = any_member();
  if (down_[member.number()] || !member.runs_all()) return;
  count(fault);
  down_[member.number()] = true;
  const Duration after = between(50ms, kDownMax);
  if (fault == FaultClass::clean_stop) {
    member.stop_cleanly([this, &member, after, alive = alive_] {
      if (*alive) start_later(member, after);
    });
    return;
  }
  if (fault == FaultClass::power_loss && random_.chance(world_.power_in_write))
    return lose_power_in_a_write(member, after);
  if (fault == FaultClass::member_kill) {
    member.kill_all();
  } else {
    lose_power(member);
  }
  start_later(member, after);
}

void Nemesis::start_later(SimMember& member, Duration after) {
  cluster_.scheduler().after(after, [this, &member, alive = alive_] {
    if (!*alive) return;
    down_[member.number()] = false;
    start_or_replace(member);
  });
}

/// As a supervisor does: again and again. A disk that cannot be opened any more is replaced.
void Nemesis::start_or_replace(SimMember& member) {
  if (down_[member.number()]) return;
  const Status started = member.start_all();
  if (started) return;
  if (started.error().kind == ErrorKind::corrupt && destroys()) {
    note_store_lost(member);
    member.wipe();
    note_destroyed(member);
  }
  cluster_.scheduler().after(between(100ms, 1s), [this, &member, alive = alive_] {
    if (*alive) start_or_replace(member);
  });
}

/// Nobody holds a hint or owes a repair: what was acknowledged is where it belongs.
bool Nemesis::owes_nothing() const {
  for (const auto& member : cluster_.members()) {
    const Replica* replica = member->replica();
    if (replica == nullptr) return false;
    const ReplicaCounters counters = replica->counters();
    if (counters.hints != 0 || counters.owed != 0) return false;
  }
  return true;
}

// The member has its copies again when it has found out, then became level with all other slots,
// and whatever others held for it or owed is settled.
void Nemesis::watch_destroyed() {
  cluster_.scheduler().after(100ms, [this, alive = alive_] {
    if (!*alive || destroyed_ == nullptr) return;
    if (const Replica* replica = destroyed_->replica(); replica != nullptr) {
      const bool refills = replica->counters().refilling != 0;
      refill_seen_ = refill_seen_ || refills;
      if (refill_seen_ && !refills && owes_nothing()) destroyed_ = nullptr;
    }
    if (destroyed_ != nullptr) watch_destroyed();
  });
}

void Nemesis::note_destroyed(SimMember& member) {
  destroyed_ = &member;
  refill_seen_ = false;
  watch_destroyed();
}

void Nemesis::isolate(const SimMember& member, Duration time) {
  std::vector<SimHost> others;
  for (const auto& other : cluster_.members())
    if (other->number() != member.number()) others.push_back(other->number());
  cut_between({member.number()}, others, false, time);
}

void Nemesis::destroy(FaultClass fault) {
  SimMember& member = any_member();
  if (!random_.chance(world_.destroy_at_the_worst)) return destroy(member, fault, kDownMax);
  // The moment that is worst: a slot that missed what was written, and one that lost it, are all
  // that can be reached.
  const size_t count = cluster_.members().size();
  const size_t behind = (member.number() + random_.below(count - 1)) % count;
  size_t whole = behind;
  while (whole == behind || whole + 1 == member.number()) whole = (whole + 1) % count;
  const Duration time = between(300ms, 2s);
  isolate(*cluster_.members()[behind], time);
  cluster_.scheduler().after(time, [this, &member, whole, fault, alive = alive_] {
    if (!*alive || !running_) return;
    isolate(*cluster_.members()[whole], between(2s, 6s));
    destroy(member, fault, 300ms);
  });
}

void Nemesis::destroy(SimMember& member, FaultClass fault, Duration down_max) {
  if (down_[member.number()] || !member.runs(DaemonKind::gossip)) return;
  if (!beyond_budget_ && (destroyed_ != nullptr || rotten_ != nullptr)) return;
  if (!beyond_budget_ && !spares_the_voters(member)) return;
  // Back to a moment of the same start looks like a mere crash: nobody could notice the loss, and
  // what is promised of strict reads rests on its being noticed.
  if (fault == FaultClass::roll_back && !beyond_budget_ && !would_be_noticed(member)) {
    member.kill(DaemonKind::node);
    return start_later(member, between(50ms, 1s));
  }
  count(fault);
  if (fault == FaultClass::rot) return rot_a_block(member);
  note_store_lost(member);
  note_destroyed(member);
  down_[member.number()] = true;
  if (fault == FaultClass::wipe) {
    member.wipe();
  } else {
    member.roll_back(snapshots_.at(member.number()).image);
  }
  start_later(member, between(50ms, down_max));
  // What is rolled back to next time is of some later moment.
  cluster_.scheduler().after(between(1s, 20s), [this, &member, alive = alive_] {
    if (*alive) take_snapshot(member);
  });
}

/// A voter whose store was destroyed votes no more until a map names its new one. A majority must
/// be left that does, and that knows that map.
bool Nemesis::spares_the_voters(const SimMember& member) const {
  MapPointer newest;
  for (const auto& each : cluster_.members())
    if (const SimDaemon* gossip = each->daemon(DaemonKind::gossip);
        gossip != nullptr && gossip->gossip()->map() != nullptr &&
        (newest == nullptr || newest->epoch < gossip->gossip()->map()->epoch))
      newest = gossip->gossip()->map();
  if (newest == nullptr) return false;
  size_t left = 0;
  for (const MemberNumber voter : newest->voters)
    if (voter != member.number() && may_vote(*cluster_.members()[voter - 1u], *newest)) ++left;
  return left > newest->voters.size() / 2;
}

bool Nemesis::may_vote(SimMember& voter, const ClusterMap& map) const {
  const SimDaemon* gossip = voter.daemon(DaemonKind::gossip);
  if (gossip == nullptr || gossip->gossip()->map() == nullptr) return false;
  const auto lost = lost_stores_.find(voter.number());
  if (lost != lost_stores_.end() && gossip->store_id() == lost->second) return false;
  return gossip->gossip()->map()->epoch == map.epoch &&
         map.member(voter.number())->store_id == gossip->store_id();
}

void Nemesis::note_store_lost(SimMember& member) {
  if (const SimDaemon* gossip = member.daemon(DaemonKind::gossip))
    lost_stores_[member.number()] = gossip->store_id();
}

void Nemesis::take_snapshot(SimMember& member) {
  const Replica* replica = member.replica();
  if (replica == nullptr) return;
  snapshots_[member.number()] = {member.disk().snapshot(), replica->incarnation().start_number()};
}

bool Nemesis::would_be_noticed(const SimMember& member) const {
  const auto snapshot = snapshots_.find(member.number());
  if (snapshot == snapshots_.end() || !member.runs(DaemonKind::node)) return false;
  NodeService* node = member.daemon(DaemonKind::node)->node();
  return node->start_is_recorded() &&
         node->replica().incarnation().start_number() > snapshot->second.start_number;
}

void Nemesis::rot_a_block(SimMember& member) {
  std::vector<std::string> tables;
  const DiskImage image = member.disk().snapshot();
  for (const std::string& path : image.paths())
    if (path.ends_with(".sst")) tables.push_back(path);
  if (tables.empty()) return;
  const std::string& path = tables[random_.below(tables.size())];
  const uint64_t size = image.bytes(*image.find(path)).size();
  if (size == 0) return;
  const uint64_t offset = random_.below(size);
  rotten_ = &member;
  member.disk().rot(path, offset, static_cast<unsigned>(random_.below(8)));
  cluster_.trace().info("rot", {{"member", member.number()}, {"path", path}, {"offset", offset}});
}

/// A call fails once, most often a sync; daemons that write nothing more are started again by their
/// supervisor.
void Nemesis::fail_calls() {
  SimMember& member = any_member();
  if (down_[member.number()] || !member.runs_all()) return;
  count(FaultClass::sync_failure);
  static constexpr std::array kKinds = {
      FaultKind::sync,   FaultKind::sync,           FaultKind::sync, FaultKind::write,
      FaultKind::rename, FaultKind::sync_directory, FaultKind::open, FaultKind::truncate};
  member.disk().set_after_failed_sync(random_.chance(0.7) ? AfterFailedSync::lost
                                                          : AfterFailedSync::still_dirty);
  member.disk().fail_nth(1 + random_.below(5), kKinds[random_.below(kKinds.size())], false);
  cluster_.trace().info("calls_fail", {{"member", member.number()}});
  restart_later(member, between(500ms, 3s));
}

void Nemesis::fill_a_disk() {
  SimMember& member = any_member();
  if (down_[member.number()] || !member.runs_all()) return;
  count(FaultClass::full_disk);
  member.disk().set_capacity(member.disk().image().used_bytes() + random_.below(64u << 10));
  cluster_.trace().info("disk_fills", {{"member", member.number()}});
  restart_later(member, between(1s, 5s));
}

/// The cause is mended, and the member started again.
void Nemesis::restart_later(SimMember& member, Duration after) {
  cluster_.scheduler().after(after, [this, &member, alive = alive_] {
    if (!*alive || down_[member.number()]) return;
    member.disk().faults().clear();
    member.disk().set_capacity(std::nullopt);
    member.kill_all();
    start_or_replace(member);
  });
}

void Nemesis::change_map() {
  count(FaultClass::map_change);
  cluster_.rotate_slots(any_member(), random_.next());
}

void Nemesis::slow_a_disk() {
  SimMember& member = any_member();
  count(FaultClass::slow_disk);
  member.set_disk_slowness(10 + 200 * random_.unit());
  cluster_.scheduler().after(between(1s, 10s), [&member] { member.set_disk_slowness(1); });
}

void Nemesis::stop_and_heal() {
  running_ = false;
  cluster_.network().set_faults(NetworkFaults{});
  cluster_.network().heal_all();
  // What is rotten is replaced by its operator: it fills from the others.
  if (rotten_ != nullptr) {
    rotten_->wipe();
    note_destroyed(*rotten_);
  }
  for (auto& member : cluster_.members()) {
    member->disk().faults().clear();
    member->disk().set_capacity(std::nullopt);
    member->set_disk_slowness(1);
    // A daemon that met a failed call writes no more until its restart.
    if (has(FaultClass::sync_failure) || has(FaultClass::full_disk)) member->kill_all();
    down_[member->number()] = false;
    start_or_replace(*member);
  }
}

}  // namespace kv
