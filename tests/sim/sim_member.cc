#include "tests/sim/sim_member.h"

namespace kv {

SimMember::SimMember(const SimDaemonWorld& world, const SimMemberOptions& options)
    : world_(world), options_(options), random_(options.seed) {}

Status SimMember::start(DaemonKind kind) {
  if (runs(kind)) return {};
  SimProcessOptions process;
  process.seed = random_.next();
  process.wall_offset = options_.wall_offset;
  process.wall_drift = options_.wall_drift;
  process.disk_slowness = slowness_;
  auto started = SimDaemon::start(world_, kind, process);
  if (!started) {
    world_.log.warning(
        "not_started",
        {{"member", number()}, {"daemon", to_string(kind)}, {"why", started.error().what}});
    return fail(started.error());
  }
  world_.log.info("started", {{"member", number()}, {"daemon", to_string(kind)}});
  daemons_[static_cast<size_t>(kind)] = std::move(*started);
  return {};
}

Status SimMember::start_all() {
  Status first;
  for (const DaemonKind kind : kAllDaemons) {
    Status status = start(kind);
    if (!status && first) first = std::move(status);
  }
  return first;
}

void SimMember::kill(DaemonKind kind) {
  if (!runs(kind)) return;
  world_.log.info("killed", {{"member", number()}, {"daemon", to_string(kind)}});
  daemons_[static_cast<size_t>(kind)].reset();
}

void SimMember::kill_all() {
  for (const DaemonKind kind : kAllDaemons) kill(kind);
}

bool SimMember::runs_all() const {
  for (const DaemonKind kind : kAllDaemons)
    if (!runs(kind)) return false;
  return true;
}

void SimMember::stop_cleanly(std::function<void()> stopped) {
  SimDaemon* node = daemon(DaemonKind::node);
  if (node == nullptr) {
    kill_all();
    return stopped();
  }
  // The answer comes in a turn of the process, which must be over before the process ends.
  SimEnvironment& environment = node->environment();
  node->process().in_turn([this, node, &environment, stopped = std::move(stopped)] {
    node->stop([this, node, &environment, stopped](const Status& status) {
      const bool clean = status.has_value();
      environment.post(Duration{0}, [this, node, clean, stopped] {
        if (clean) static_cast<void>(node->close());
        kill_all();
        stopped();
      });
    });
  });
}

void SimMember::lose_power(CrashPolicy policy) {
  kill_all();
  world_.log.info("power_lost", {{"member", number()}, {"policy", to_string(policy)}});
  world_.disk.crash(policy, random_);
}

void SimMember::wipe() {
  kill_all();
  world_.log.info("wiped", {{"member", number()}});
  world_.disk.wipe();
}

void SimMember::roll_back(const DiskImage& image) {
  kill_all();
  world_.log.info("rolled_back", {{"member", number()}});
  world_.disk.restore(image);
}

Replica* SimMember::replica() const {
  SimDaemon* node = daemon(DaemonKind::node);
  return node != nullptr ? &node->node()->replica() : nullptr;
}

void SimMember::stall(DaemonKind kind, Duration time) {
  if (!runs(kind)) return;
  world_.log.info(
      "stalled",
      {{"member", number()}, {"daemon", to_string(kind)}, {"seconds", seconds_of(time)}});
  daemon(kind)->process().stall_until(world_.scheduler.now() + time);
}

void SimMember::set_disk_slowness(double factor) {
  slowness_ = factor;
  for (const DaemonKind kind : kAllDaemons)
    if (runs(kind)) daemon(kind)->environment().set_disk_slowness(factor);
}

void SimMember::shift_wall(Duration by) {
  options_.wall_offset += by;
  for (const DaemonKind kind : kAllDaemons)
    if (runs(kind)) daemon(kind)->environment().shift_wall(by);
}

}  // namespace kv
