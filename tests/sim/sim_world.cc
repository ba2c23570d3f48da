#include "tests/sim/sim_world.h"

#include <array>

namespace kv {

namespace {

/// Everything, by the seed.
SimWorld any() {
  return {.name = "any"};
}

/// Slots that some members reach and others do not: hints are made, grow, and are handed back while
/// they do, and a slot answers after its hint.
SimWorld hints() {
  SimWorld world{.name = "hints"};
  world.faults = "loss,straggling,partition,one_way,stall,daemon_kill,slow_disk";
  world.network_share = 0.05;
  world.strike_pause_max = 1s;
  world.all_but_one_share = 0.5;
  world.between_two_share = 0.9;
  world.members_min = 4;
  world.members_max = 5;
  world.clients_min = 5;
  world.clients_max = 10;
  world.keys_min = 1;
  world.keys_max = 4;
  world.keyspace = "one";
  world.writes = 0.8;
  world.overrides = 0.3;
  world.client_pause_max = 20ms;
  return world;
}

/// Members that forget what they exposed, and mint for the same keys again at once.
SimWorld amnesia() {
  SimWorld world{.name = "amnesia"};
  world.faults = "power_loss,daemon_kill,member_kill,slow_disk";
  world.strike_pause_max = 700ms;
  world.power_in_write = 0.8;
  world.members_max = 4;
  world.memory_engine = 0.2;
  world.clients_min = 5;
  world.clients_max = 10;
  world.keys_min = 1;
  world.keys_max = 4;
  world.writes = 0.8;
  world.siblings = 0.1;
  world.contexts = 0.3;
  world.big_values = 0.4;
  world.client_pause_max = 5ms;
  return world;
}

/// Strict quorums, while copies are lost and slots fall behind.
SimWorld strict() {
  SimWorld world{.name = "strict"};
  world.faults = "loss,straggling,partition,wipe";
  world.network_share = 0.08;
  world.strike_pause_max = 4s;
  world.between_two_share = 0.8;
  world.destroy_at_the_worst = 0.8;
  world.members_max = 3;
  world.clients_min = 5;
  world.clients_max = 10;
  world.keys_min = 1;
  world.keys_max = 3;
  world.keyspace = "strict";
  world.scans = 0.3;
  world.overrides = 0.02;
  world.client_pause_max = 5ms;
  return world;
}

/// Strict quorums, and most of what one slot has comes late to the others, or never: a read that is
/// answered before enough of them hold it is followed by one that does not find it.
SimWorld halves() {
  SimWorld world{.name = "halves"};
  world.faults = "loss,straggling,partition";
  world.network_share = 0.3;
  world.strike_pause_max = 2s;
  world.between_two_share = 0.9;
  world.members_max = 3;
  world.memory_engine = 1;
  world.clients_min = 20;
  world.clients_max = 30;
  world.keys_min = 1;
  world.keys_max = 1;
  world.keyspace = "strict";
  world.writes = 0.15;
  world.scans = 0;
  world.overrides = 0;
  world.client_pause_max = 5ms;
  return world;
}

/// Answers that do not come, so that most puts are tried again, elsewhere.
SimWorld retries() {
  SimWorld world{.name = "retries"};
  world.faults = "loss,duplication,straggling,partition,one_way,stall,daemon_kill";
  world.network_share = 0.1;
  world.strike_pause_max = 2s;
  world.members_max = 5;
  world.clients_min = 5;
  world.clients_max = 10;
  world.keys_min = 1;
  world.keys_max = 4;
  world.writes = 0.7;
  world.contexts = 0.7;
  world.client_pause_max = 20ms;
  return world;
}

const std::array<SimWorld, 6>& worlds() {
  static const std::array<SimWorld, 6> all = {any(),    hints(),   amnesia(),
                                              strict(), retries(), halves()};
  return all;
}

}  // namespace

const SimWorld& world_of(uint64_t seed) {
  constexpr std::array<size_t, 8> kByRest = {0, 1, 0, 2, 0, 3, 0, 4};
  return worlds()[kByRest[seed % kByRest.size()]];
}

const SimWorld* find_world(const std::string& name) {
  for (const SimWorld& world : worlds())
    if (name == world.name) return &world;
  return nullptr;
}

}  // namespace kv
