#include "tests/sim/sim_cluster.h"

#include <algorithm>
#include <cstdio>

#include "libkv/base/hash.h"
#include "libkv/replica/key_layout.h"

namespace kv {

namespace {

constexpr Duration kFormTimeout = 60s;
constexpr Duration kPoll = 250ms;

// Small enough that flushes and compactions happen within a minute.
EngineOptions small_engine() {
  EngineOptions options;
  options.memtable_bytes = 48u << 10;
  options.log_segment_bytes = 32u << 10;
  options.block_cache_bytes = 256u << 10;
  options.block_bytes = 1u << 10;
  options.section_blocks = 4;
  options.group_prefix_bytes = kPartitionPrefixBytes;
  return options;
}

MemberInfo member_info(MemberNumber number) {
  MemberInfo info;
  info.number = number;
  for (int kind = 0; kind < kDaemonKinds; ++kind)
    info.endpoints[kind] =
        "sim://" + std::to_string(number) + "/" + to_string(static_cast<DaemonKind>(kind));
  return info;
}

}  // namespace

void SimTrace::write(LogLevel level, std::string_view line) {
  mix(hash64(line), static_cast<uint64_t>(scheduler_.now().time_since_epoch().count()));
  if (!print_) return;
  std::printf("%12.6f %-7s %.*s\n", seconds_of(scheduler_.now() - SimScheduler::kStart),
              to_string(level), static_cast<int>(line.size()), line.data());
}

struct RepeatWitness {
  History& history;
  void on(msg::ClientPut&& put) const { history.saw_sent_twice(put.key.view(), put.put); }
  void on(msg::Mint&& mint) const { history.saw_sent_twice(mint.key.view(), mint.put); }
};

SimCluster::SimCluster(const SimClusterOptions& options)
    : options_(options),
      random_(options.seed),
      trace_(scheduler_, options.trace),
      network_(scheduler_, random_.next()),
      operator_(network_) {
  network_.observe(
      [this](SimHost from, SimHost to, const Frame& frame) { observe(from, to, frame); });
  network_.observe_repeats([this](const Frame& frame) {
    FrameParser parser(frame);
    static_cast<void>(parser.for_each(RepeatWitness{history_}));
  });
  make_members(options);
}

SimCluster::~SimCluster() {
  for (auto& member : members_) member->kill_all();
}

void SimCluster::make_members(const SimClusterOptions& options) {
  const auto apart = static_cast<uint64_t>(options.clocks_apart.count()) * 2 + 1;
  for (unsigned i = 1; i <= options.members; ++i) {
    disks_.push_back(std::make_unique<SimDisk>(random_.next()));
    SimDaemonWorld world{scheduler_,
                         network_,
                         *disks_.back(),
                         trace_,
                         member_info(static_cast<MemberNumber>(i)),
                         {},
                         options.memory_engine,
                         small_engine()};
    for (unsigned other = 1; other <= options.members; ++other)
      if (other != i)
        world.seeds.push_back(
            member_info(static_cast<MemberNumber>(other)).endpoint(DaemonKind::gossip));
    SimMemberOptions member;
    member.seed = random_.next();
    member.wall_offset =
        Duration(static_cast<int64_t>(random_.below(apart))) - options.clocks_apart;
    member.wall_drift = options.drift_max * (2 * random_.unit() - 1);
    members_.push_back(std::make_unique<SimMember>(world, member));
  }
}

/// Parses what the judge must see.
struct MintWitness {
  History& history;
  SimHost from, to;
  void on(msg::Mint&& mint) const { history.saw_mint(from, mint); }
  void on(msg::MintMade&& made) const { history.saw_made(to, made); }
  void on(msg::MintDurable&& durable) const { history.saw_durable(to, from, durable); }
  void on(msg::Merge&& merge) const { history.saw_merge(from, merge); }
  void on(msg::Merged&& merged) const { history.saw_merged(to, from, merged); }
  void on(msg::Read&& read) const { history.saw_read(from, read); }
  void on(msg::ReadDone&& done) const { history.saw_read_done(to, done); }
};

void SimCluster::observe(SimHost from, SimHost to, const Frame& frame) {
  trace_.mix(hash64(frame.view(), (uint64_t{from} << 32) | to),
             static_cast<uint64_t>(scheduler_.now().time_since_epoch().count()));
  FrameParser parser(frame);
  static_cast<void>(parser.for_each(MintWitness{history_, from, to}));
  if (!options_.watched.empty()) print_watched(from, to, frame);
}

/// Prints what is said about one key; answers are known by the ids of what asked.
struct KeyWitness {
  const std::string& key;
  std::set<std::pair<SimHost, msg::RequestId>>& asked;
  SimHost from, to;
  std::string line;

  template <typename M>
  void ask(const char* name, const M& m, const std::string& more) {
    if (m.key.view() != key) return;
    asked.insert({from, m.id});
    add(name, m.id, more);
  }
  template <typename M>
  void answer(const char* name, const M& m, const std::string& more) {
    if (asked.count({to, m.id}) != 0) add(name, m.id, to_string(m.answer) + " " + more);
  }
  void add(const char* name, msg::RequestId id, const std::string& more) {
    line += std::string(" ") + name + "#" + std::to_string(id) + " " + more;
  }
  static std::string put_text(const PutId& put, Attempt attempt) {
    return std::to_string(put.client % 1000) + "/" + std::to_string(put.number) + "." +
           std::to_string(attempt);
  }
  static std::string text(const Record& record) {
    std::string siblings = to_string(record.context) + "{";
    for (const Sibling& s : record.siblings) {
      CausalContext dot;
      dot.see(s.dot);
      siblings += to_string(dot) + put_text(s.put, s.attempt) + (s.tombstone ? "x " : " ");
    }
    return siblings + "}";
  }
  static std::string text(const msg::Members& members) {
    std::string numbers;
    for (const MemberNumber member : members) numbers += " " + std::to_string(member);
    return numbers;
  }

  void on(msg::ClientPut&& m) {
    ask("ClientPut", m,
        put_text(m.put, 0) + " mode " + std::to_string(static_cast<int>(m.mode)) + " " +
            to_string(m.context) + (m.tombstone ? " delete" : ""));
  }
  void on(msg::PutDone&& m) {
    answer("PutDone", m,
           std::to_string(m.slots) + "+" + std::to_string(m.hints) + " " + to_string(m.context));
  }
  void on(msg::Mint&& m) {
    ask("Mint", m,
        put_text(m.put, m.attempt) + " over " + to_string(m.context) + " hint_for" +
            text(m.hint_for) + " owed" + text(m.owed));
  }
  void on(msg::MintMade&& m) {
    answer("MintMade", m, text(m.record) + (m.repeated ? " repeated" : ""));
  }
  void on(msg::MintDurable&& m) { answer("MintDurable", m, ""); }
  void on(msg::Merge&& m) {
    ask("Merge", m, text(m.record) + " hint_for" + text(m.hint_for) + " owed" + text(m.owed));
  }
  void on(msg::Merged&& m) {
    answer("Merged", m, (m.siblings_remain ? "remain " : "") + to_string(m.context));
  }
  void on(msg::ReadDone&& m) {
    answer("ReadDone", m, text(m.record) + (m.refilling ? " refilling" : ""));
  }
  void on(msg::Read&& m) { ask("Read", m, ""); }
  template <typename M>
  void rows(const char* name, const M& m, const std::string& more) {
    for (const msg::KeyRecord& row : m.records)
      if (row.key.view() == key) add(name, m.id, text(row.record) + more);
  }
  void on(msg::ScanPageDone&& m) {
    std::string refilling;
    for (const PartitionId partition : m.refilling) refilling += " " + std::to_string(partition);
    rows("ScanPageDone", m, " refilling" + refilling);
  }
  void on(msg::ScanDone&& m) { rows("ScanDone", m, ""); }
  void on(msg::HintStrikes&& m) {
    for (const msg::HintStrike& strike : m.strikes)
      if (strike.key.view() == key) add("HintStrike", m.id, std::to_string(strike.owner));
  }
};

void SimCluster::print_watched(SimHost from, SimHost to, const Frame& frame) {
  FrameParser parser(frame);
  KeyWitness witness{options_.watched, watched_ids_, from, to, {}};
  static_cast<void>(parser.for_each(witness));
  if (!witness.line.empty())
    std::printf("%12.6f %u>%u%s\n", seconds_of(scheduler_.now() - SimScheduler::kStart), from, to,
                witness.line.c_str());
}

FirstMapOptions SimCluster::first_map_options() {
  FirstMapOptions options;
  options.cluster = {random_.next(), random_.next()};
  options.partitions = options_.partitions;
  options.keyspaces = {{"default"}, {"strict", 0, 0, 0, true}, {"one", 0, 1, 1, false}};
  return options;
}

Status SimCluster::form() {
  for (auto& member : members_) KV_TRY(member->start_all());
  std::map<msg::RequestId, MemberNumber> asked;
  for (auto& member : members_) {
    asked[next_id_] = member->number();
    operator_.send(member->info().endpoint(DaemonKind::gossip), msg::Introduce{next_id_++});
  }
  run_for(1s);
  std::vector<msg::Introduced> introduced;
  for (const auto& [id, answer] : operator_.introduced) introduced.push_back(answer);
  if (introduced.size() != members_.size())
    return fail(ErrorKind::unavailable,
                "only " + std::to_string(introduced.size()) + " members introduced themselves");
  KV_ASSIGN(FirstMap first, first_map(introduced, first_map_options()));
  map_ = first.map;
  for (const Keyspace& keyspace : map_.keyspaces)
    keyspaces_.push_back({keyspace.name, map_.placement(keyspace.placement)->n, keyspace.r,
                          keyspace.w, keyspace.strict});
  const msg::RequestId id = next_id_++;
  operator_.send(members_[0]->info().endpoint(DaemonKind::gossip),
                 msg::Propose{id, kFormTimeout, std::make_shared<const ClusterMap>(map_)});
  const Instant deadline = scheduler_.now() + kFormTimeout;
  const auto formed = [&] {
    const auto answer = operator_.proposed.find(id);
    if (answer == operator_.proposed.end() || answer->second.answer != Answer::ok) return false;
    return std::all_of(members_.begin(), members_.end(), [](const auto& member) {
      return member->replica() != nullptr && member->replica()->epoch() >= 1;
    });
  };
  while (!formed() && scheduler_.now() < deadline) run_for(kPoll);
  if (!formed()) return fail(ErrorKind::unavailable, "the first map was not agreed and taken");
  run_for(2s);  // Coordinators take the map and learn who is alive.
  return {};
}

void SimCluster::rotate_slots(const SimMember& through, uint64_t seed) {
  const Endpoint gossip = through.info().endpoint(DaemonKind::gossip);
  operator_.on_next_map([this, gossip, seed](const MapPointer& held) {
    auto next = std::make_shared<ClusterMap>(*held);
    Random random(seed);
    ++next->epoch;
    next->reason = "slots rotated";
    for (Placement& placement : next->placements)
      for (PartitionRow& row : placement.table) {
        if (!random.chance(0.5)) continue;
        std::rotate(row.slots.begin(), row.slots.begin() + 1, row.slots.end());
        row.changed = next->epoch;
      }
    operator_.send(gossip, msg::Propose{next_id_++, 10s, std::move(next)});
  });
  operator_.send(gossip, msg::MapPull{});
}

std::vector<Endpoint> SimCluster::coordinators() const {
  std::vector<Endpoint> endpoints;
  for (const auto& member : members_)
    endpoints.push_back(member->info().endpoint(DaemonKind::coordinator));
  return endpoints;
}

/// What a replica still has to do; empty: nothing.
std::string SimCluster::unsettled() {
  for (const auto& member : members_) {
    const std::string name = "member " + std::to_string(member->number()) + ": ";
    if (!member->runs_all()) return name + "a daemon does not run";
    const ReplicaCounters counters = member->replica()->counters();
    if (counters.hints != 0) return name + std::to_string(counters.hints) + " hints";
    if (counters.owed != 0) return name + std::to_string(counters.owed) + " owed repairs";
    if (counters.refilling != 0)
      return name + std::to_string(counters.refilling) + " partitions refilling";
  }
  return {};
}

/// Asks every kv-node for its roots and compares them; empty: all slots are equal.
std::string SimCluster::unequal() {
  std::map<msg::RequestId, MemberNumber> asked;
  for (const auto& member : members_) {
    asked[next_id_] = member->number();
    operator_.send(member->info().endpoint(DaemonKind::node),
                   msg::Ask{next_id_++, 5s, "roots", {}});
  }
  run_for(kPoll);
  std::map<std::pair<PartitionKey, MemberNumber>, uint64_t> roots;
  for (const auto& [id, member] : asked) {
    const auto told = operator_.told.find(id);
    if (told == operator_.told.end() || told->second.answer != Answer::ok)
      return "member " + std::to_string(member) + " told no roots";
    for (const Report& root : told->second.report.elements()) {
      const PartitionKey key{
          static_cast<PlacementId>(root.find("placement")->as_unsigned().value()),
          static_cast<PartitionId>(root.find("partition")->as_unsigned().value())};
      roots[{key, member}] = root.find("root")->as_unsigned().value();
    }
  }
  operator_.told.clear();
  for (const Placement& placement : map_.placements)
    for (PartitionId p = 0; p < placement.table.size(); ++p) {
      const PartitionKey key{placement.id, p};
      const std::string name = "partition " + std::to_string(p);
      const auto first = roots.find({key, placement.table[p].slots[0].owner});
      for (const Slot& slot : placement.table[p].slots) {
        const auto root = roots.find({key, slot.owner});
        if (root == roots.end())
          return name + " has no tree at member " + std::to_string(slot.owner);
        if (first == roots.end() || root->second != first->second)
          return name + " differs at member " + std::to_string(slot.owner);
      }
    }
  return {};
}

bool SimCluster::settle(Duration limit, std::string* why) {
  const Instant deadline = scheduler_.now() + limit;
  do {
    *why = unsettled();
    if (why->empty()) *why = unequal();
    if (why->empty()) *why = unsettled();
    if (why->empty()) return true;
    run_for(kPoll);
  } while (scheduler_.now() < deadline);
  return false;
}

}  // namespace kv
