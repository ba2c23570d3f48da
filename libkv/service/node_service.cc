#include "libkv/service/node_service.h"

#include <algorithm>

#include "libkv/model/token.h"
#include "libkv/replica/stored_map.h"
#include "libkv/service/engine_report.h"

namespace kv {

namespace {

/// Ids of requests that the service makes of its own replica: no peer's id has this bit.
constexpr msg::RequestId kOwnRequest = uint64_t{1} << 63;
constexpr Asker kSelf{~uint64_t{0}};
/// After so many answers of less than a majority of the voters a start is taken as not behind.
constexpr int kShowsAnsweredMax = 10;

const char* to_text(FoundIn found) {
  switch (found) {
    case FoundIn::nowhere:
      return "nowhere";
    case FoundIn::memtable:
      return "memtable";
    case FoundIn::cache:
      return "cache";
    case FoundIn::disk:
      return "disk";
  }
  return "?";
}

Report report_of(const Sibling& sibling, WallTime now) {
  CausalContext dot;
  dot.see(sibling.dot);
  Report report = Report::object();
  report.set("dot", to_string(dot)).set("tombstone", sibling.tombstone);
  report.set("value_bytes", sibling.value.size());
  report.set("timestamp", microseconds_of(sibling.timestamp));
  if (!sibling.expiry) return report;
  // By the clock that reads here go by.
  return report.set("expiry", microseconds_of(*sibling.expiry))
      .set("expired", *sibling.expiry <= now);
}

Report report_of(const Record& record, WallTime now) {
  Report siblings = Report::array();
  for (const Sibling& sibling : record.siblings) siblings.append(report_of(sibling, now));
  return Report::object()
      .set("context", to_string(record.context))
      .set("digest", digest_of(record).low)
      .set("siblings", std::move(siblings));
}

}  // namespace

Result<std::unique_ptr<NodeService>> NodeService::open(Environment& environment,
                                                       Transport& transport,
                                                       DataDirectory& directory, Engine& engine,
                                                       const MemberInfo& self,
                                                       const NodeSettings& settings) {
  KV_ASSIGN(const MapPointer held, read_stored_map(directory.meta()));
  std::unique_ptr<NodeService> service(
      new NodeService(environment, transport, directory, engine, self, settings, held));
  KV_ASSIGN(service->replica_, Replica::open(environment, engine, directory.meta(), self.number,
                                             settings.replica, *service, *service));
  service->replica_->begin_in_doubt();
  if (held) service->replica_->set_map(held);
  return service;
}

NodeService::NodeService(Environment& environment, Transport& transport, DataDirectory& directory,
                         Engine& engine, const MemberInfo& self, const NodeSettings& settings,
                         MapPointer held)
    : environment_(environment),
      transport_(transport),
      directory_(directory),
      engine_(engine),
      self_(self),
      settings_(settings),
      outbox_(transport),
      watch_(DaemonKind::node, self.number, self.endpoint(DaemonKind::gossip), std::move(held),
             transport, outbox_, environment.clock.now()),
      memory_(settings.memory_bytes_max),
      run_(environment.entropy() | 1) {}

/// Takes the messages of one frame.
struct NodeService::Receiver {
  NodeService& service;
  PeerId from;
  Instant now;

  Asker asker() const { return {static_cast<uint64_t>(from)}; }
  Replica& replica() const { return *service.replica_; }
  void on(msg::Mint&& request) { replica().on_mint(asker(), request); }
  void on(msg::Merge&& request) { replica().on_merge(asker(), request); }
  void on(msg::Read&& request) { replica().on_read(asker(), request); }
  void on(msg::ScanPage&& request) { replica().on_scan_page(asker(), request); }
  void on(msg::Owe&& request) { replica().on_owe(asker(), request); }
  void on(msg::HintList&& request) { replica().on_hint_list(asker(), request); }
  void on(msg::HintStrikes&& request) { replica().on_hint_strikes(asker(), request); }
  void on(msg::TreeRoots&& request) { replica().on_tree_roots(asker(), request); }
  void on(msg::TreeLeaves&& request) { replica().on_tree_leaves(asker(), request); }
  void on(msg::LeafKeys&& request) { replica().on_leaf_keys(asker(), request); }
  void on(msg::Fetch&& request) { replica().on_fetch(asker(), request); }
  void on(msg::OwedList&& request) { replica().on_owed_list(asker(), request); }
  void on(msg::OwedPaid&& request) { replica().on_owed_paid(asker(), request); }
  void on(msg::ViewTold&& told) {
    if (service.watch_.on_view_told(told, now)) service.on_view();
  }
  void on(msg::StartJudged&& judged) { service.on_judged(judged); }
  void on(msg::Hello&& hello) {
    service.outbox_.add(from, msg::HelloDone{hello.id, 0, "kv-node " KV_VERSION,
                                             service.self_.number, service.replica_->epoch()});
  }
  void on(msg::Ask&& ask) { service.on_ask(from, ask); }
};

void NodeService::on_frame(PeerId from, Frame frame, Instant now) {
  engine_.begin_turn();
  const uint64_t foreign = frames_.wrong_cluster;
  replica_->begin_frame();
  const Epoch epoch =
      dispatch(frame, directory_.cluster(), environment_.log, &frames_, Receiver{*this, from, now});
  replica_->end_frame();
  if (frames_.wrong_cluster != foreign) return on_frame_of_another_cluster(from, frame);
  watch_.want(epoch);
}

// A stranger's frame is nothing but refused. But where this member's own kv-gossip is of another
// cluster, the directory is in the wrong place, and serving from it would never begin.
void NodeService::on_frame_of_another_cluster(PeerId from, const Frame& frame) {
  if (from != watch_.gossip() || !settings_.give_up) return;
  settings_.give_up(Error{
      ErrorKind::wrong_cluster,
      directory_.path() + ": belongs to cluster " + directory_.cluster().to_hex() +
          ", but this member's kv-gossip is of " + FrameParser(frame).head().cluster.to_hex()});
}

Instant NodeService::next_wake() const {
  return std::min({watch_.next_wake(), next_tick_, engine_.next_wake(), replica_->next_wake()});
}

void NodeService::on_tick(Instant now) {
  watch_.on_tick(now);
  engine_.on_tick(now);
  replica_->on_room_time(now);
  if (now < next_tick_) return;
  next_tick_ = now + settings_.tick_interval;
  watch_memory(now);
  replica_->on_tick();
  const bool settled = start_is_judged_ && losses_are_known_;
  if (!settled && watch_.map() && now >= next_show_) show_start(now);
}

void NodeService::watch_memory(Instant now) {
  if (!settings_.resident_bytes) return;
  const MemoryWatch::Relief relief = memory_.on_resident(settings_.resident_bytes(), now);
  engine_.withhold_memory(relief.withheld);
  if (relief.trim) engine_.trim_memory();
}

void NodeService::end_of_turn(Instant) {
  // First what others wait for: a record that was minted travels while the log is synced.
  outbox_.flush();
  replica_->on_answers_taken();
  outbox_.flush();
  engine_.end_turn();
}

void NodeService::on_view() {
  const MapPointer& map = watch_.map();
  if (!map || map->epoch <= replica_->epoch()) return;
  if (const Status kept = keep_map(map); !kept) {
    // Without its row a restart would make this node older: it must not serve by this map.
    if (!map_cannot_be_kept_)
      environment_.log.error("map_not_kept", {{"epoch", map->epoch}, {"why", kept.error().what}});
    map_cannot_be_kept_ = true;
    return;
  }
  environment_.log.info("map", {{"epoch", map->epoch}, {"reason", map->reason}});
  replica_->set_map(map);
}

Status NodeService::keep_map(const MapPointer& map) {
  KV_TRY(directory_.bind(map->cluster));
  return kv::keep_map(*map, directory_.meta());
}

void NodeService::show_start(Instant now) {
  const Incarnation& incarnation = replica_->incarnation();
  if (shown_id_ == 0) shown_id_ = environment_.entropy() | 1;
  next_show_ = now + settings_.show_start_interval;
  outbox_.add(watch_.gossip(), msg::StartShown{shown_id_, self_.number, incarnation.value(),
                                               incarnation.start_number(), incarnation.is_new(),
                                               run_, incarnation.judged_start()});
}

void NodeService::on_judged(const msg::StartJudged& judged) {
  if (judged.id != shown_id_ || judged.answered == 0) return;
  shown_id_ = 0;
  if (!losses_are_known_) note_losses(judged);
  // One drawn anew is recorded by a majority, or to be shown again.
  start_is_judged_ = judged.known;
  if (replica_->incarnation().is_new()) return;
  if (const Status status = replica_->on_start_judged(judged.known); !status)
    environment_.log.error("incarnation_not_drawn", {{"why", status.error().what}});
}

// Without a majority of the voters nothing is known; but where a majority is gone for good, it is
// not waited for without end.
void NodeService::note_losses(const msg::StartJudged& judged) {
  ++shows_answered_;
  const bool majority_spoke = judged.answered * 2 > judged.voters;
  if (!judged.behind && !majority_spoke && shows_answered_ < kShowsAnsweredMax) return;
  if (judged.behind) {
    environment_.log.warning("data_lost",
                             {{"start", replica_->incarnation().start_number()},
                              {"why", "the voters know a later start of this member"}});
  }
  const Status noted = replica_->end_doubt(judged.behind);
  losses_are_known_ = noted.has_value();
  if (!noted) environment_.log.error("losses_not_noted", {{"why", noted.error().what}});
}

void NodeService::incarnation_drawn(uint64_t incarnation, uint64_t start_number) {
  environment_.log.info("incarnation", {{"drawn", incarnation}, {"start", start_number}});
  start_is_judged_ = false;
  shown_id_ = 0;
  next_show_ = Instant{};
}

void NodeService::on_ask(PeerId from, const msg::Ask& ask) {
  if (ask.verb == "explain") return explain(from, ask);
  if (ask.verb == "roots") return tell_roots(from, ask);
  msg::Told told;
  told.id = ask.id;
  if (ask.verb == "status") {
    told.report = status();
  } else {
    told.answer = Answer::invalid;
    told.detail = "kv-node knows no verb " + ask.verb;
  }
  outbox_.add(from, told);
}

void NodeService::explain(PeerId from, const msg::Ask& ask) {
  const Report* keyspace = ask.arguments.find("keyspace");
  const Report* key = ask.arguments.find("key");
  const auto id = keyspace != nullptr ? keyspace->as_unsigned() : std::nullopt;
  const auto name = key != nullptr ? key->as_text() : std::nullopt;
  if (!id || !name) {
    outbox_.add(from, msg::Told{ask.id, Answer::invalid, "keyspace and key are needed", {}});
    return;
  }
  replica_->explain(
      static_cast<KeyspaceId>(*id), SharedBytes::copy_of(*name),
      [this, from, ask_id = ask.id](const KeyFacts& facts) {
        Report report = Report::object();
        report.set("epoch", facts.epoch).set("partition", facts.partition.partition);
        report.set("leaf", facts.leaf).set("round", facts.round);
        report.set("refilling", facts.refilling);
        report.set("found_in", to_text(facts.own_found_in)).set("level", facts.own_level);
        const WallTime now = environment_.clock.wall();
        if (facts.own) report.set("record", report_of(facts.own->record, now));
        if (facts.hint) {
          Report owners = Report::array();
          for (const MemberNumber owner : facts.hint->owners) owners.append(owner);
          report.set("hint", report_of(facts.hint->stored.record, now));
          report.set("hint_for", std::move(owners));
        }
        outbox_.add(from, msg::Told{ask_id, facts.answer, "", std::move(report)});
      });
}

void NodeService::tell_roots(PeerId from, const msg::Ask& ask) {
  if (!watch_.map()) {
    outbox_.add(from, msg::Told{ask.id, Answer::no_map, "no map yet", {}});
    return;
  }
  msg::TreeRoots request;
  request.id = kOwnRequest | (environment_.entropy() >> 1);
  request.epoch = replica_->epoch();
  for (const Placement& placement : watch_.map()->placements)
    for (PartitionId p = 0; p < placement.table.size(); ++p)
      request.partitions.push_back({placement.id, p});
  root_askers_[request.id] = {from, ask.id};
  replica_->on_tree_roots(kSelf, request);
}

void NodeService::answer(Asker asker, const msg::TreeRootsTold& told) {
  if (!(asker == kSelf)) return send(asker, told);
  const auto found = root_askers_.find(told.id);
  if (found == root_askers_.end()) return;
  const auto [from, ask_id] = found->second;
  root_askers_.erase(found);
  Report roots = Report::array();
  for (const msg::TreeRoot& root : told.roots)
    roots.append(Report::object()
                     .set("placement", root.partition.placement)
                     .set("partition", root.partition.partition)
                     .set("root", root.root)
                     .set("refilling", root.refilling));
  outbox_.add(from, msg::Told{ask_id, told.answer, "", std::move(roots)});
}

Report NodeService::status() const {
  const ReplicaCounters counters = replica_->counters();
  const EngineStats engine = engine_.stats();
  Report report = Report::object();
  report.set("member", self_.number).set("epoch", replica_->epoch());
  report.set("cluster", directory_.cluster().to_hex());
  report.set("start", replica_->incarnation().start_number());
  report.set("start_judged", start_is_judged_ && losses_are_known_);
  report.set("mints", counters.mints).set("merges", counters.merges);
  report.set("reads", counters.reads).set("reads_on_disk", counters.reads_on_disk);
  report.set("refused", counters.refused);
  report.set("hints", counters.hints).set("hint_bytes", counters.hint_bytes);
  report.set("hints_struck", counters.hints_struck);
  report.set("hints_unreadable", counters.hints_unreadable);
  report.set("owed", counters.owed).set("refilling", counters.refilling);
  report.set("trees_ready", counters.trees_ready).set("trees_building", counters.trees_building);
  report.set("trees_unreadable", counters.trees_unreadable);
  report.set("trees_stored", counters.trees_stored);
  report.set("keys", counters.keys).set("disk_bytes", engine.disk_bytes);
  report.set("memtable_bytes", engine.memtable_bytes).set("log_bytes", engine.log_bytes);
  report.set("sstables", engine.sstables).set("syncs", engine.syncs);
  report.set("groups", engine.groups).set("flushes", engine.flushes);
  report.set("compactions", engine.compactions);
  report.set("write_stalls", engine.stalls).set("write_stall_ns_max", engine.stall_nanoseconds_max);
  report.set("write_delays", engine.delays).set("write_delay_ns_max", engine.delay_nanoseconds_max);
  report.set("writes_waiting_for_room", counters.waiting_for_room);
  report.set("cache_hits", engine.cache_hits).set("cache_misses", engine.cache_misses);
  report.set("bloom_checks", engine.bloom_checks);
  report.set("bloom_negatives", engine.bloom_negatives);
  report.set("storage", engine_report(engine, {memory_.bytes_max(), memory_.resident()}));
  report.set("frames", frames_.frames).set("frames_refused", frames_.refused);
  return report;
}

}  // namespace kv
