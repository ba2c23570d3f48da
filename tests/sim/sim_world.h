// The worlds in which a cluster is simulated: what faults it has, how often, and what its clients
// do. One leaves everything to the seed. The others are narrow, each where some kind of bug shows
// that a run with a little of everything seldom reaches: a seed has one of them (half of the seeds
// have the first, none the last), or `kv_sim --world` names it.
#pragma once

#include <cstdint>
#include <string>

#include "libkv/base/time.h"

namespace kv {

struct SimWorld {
  const char* name;
  /// Classes of faults (Nemesis), with commas between; empty: the seed decides, and on the rest.
  const char* faults = "";
  double network_share = 0.05;     ///< Of frames that each fault of the network may hit, at most.
  Duration strike_pause_max{};     ///< Between two faults; zero: the seed decides.
  double between_two_share = 0;    ///< Of cuts, those between two members alone.
  double all_but_one_share = 0.1;  ///< Of cuts, those that leave a member one other to talk to.
  double destroy_at_the_worst = 0.2;  ///< Of disks destroyed, those while another slot is behind
                                      ///< and a third is out of reach.
  double power_in_write = 0.5;  ///< Of power losses, those in the midst of what is being written.
  unsigned members_min = 3, members_max = 7;
  double memory_engine = 0.4;  ///< The share of seeds that have it.
  unsigned clients_min = 2, clients_max = 5;
  unsigned keys_min = 4, keys_max = 15;
  const char* keyspace = "";  ///< To which most requests go.
  double writes = 0;          ///< Of requests; zero: the seed decides.
  double siblings = 0.05, contexts = 0.5, deletes = 0.15, big_values = 0.1;  ///< Of writes.
  double scans = 0.05;                                                       ///< Of reads.
  double overrides = 0.15;      ///< Requests with a quorum of their own.
  Duration client_pause_max{};  ///< Zero: the seed decides.
};

const SimWorld& world_of(uint64_t seed);
/// Null: there is none of that name.
const SimWorld* find_world(const std::string& name);

}  // namespace kv
