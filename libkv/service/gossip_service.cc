#include "libkv/service/gossip_service.h"

#include <algorithm>
#include <utility>

namespace kv {
namespace {

FailureDetector::Settings detector_settings(MemberNumber self, uint64_t start_number) {
  FailureDetector::Settings settings;
  settings.self = self;
  settings.start_number = start_number;
  return settings;
}

}  // namespace

Result<std::unique_ptr<GossipService>> GossipService::open(Environment& environment,
                                                           Transport& transport,
                                                           DataDirectory& directory,
                                                           const MemberInfo& self,
                                                           const GossipSettings& settings) {
  GossipStore store(directory.meta());
  KV_ASSIGN(GossipStore::Contents contents, store.open());
  if (contents.map) KV_TRY(directory.bind(contents.map->cluster));
  const Instant now = environment.clock.now();
  GossipActions actions;
  std::unique_ptr<GossipService> service(new GossipService(
      environment, transport, directory, self, settings, std::move(contents), now, actions));
  service->perform(std::move(actions), now);
  return service;
}

GossipService::GossipService(Environment& environment, Transport& transport,
                             DataDirectory& directory, const MemberInfo& self,
                             const GossipSettings& settings, GossipStore::Contents contents,
                             Instant now, GossipActions& actions)
    : environment_(environment),
      transport_(transport),
      directory_(directory),
      self_(self),
      store_(directory.meta()),
      outbox_(transport),
      peers_(transport),
      detector_(detector_settings(self.number, contents.start_number),
                Random(environment.entropy()), contents.map, now),
      spread_({self.number, directory.store_id(), settings.seeds.size()},
              Random(environment.entropy()), contents.map, now),
      voter_({self.number, directory.store_id()}, std::move(contents.acceptor), contents.map, now),
      proposer_({self.number, contents.start_number}, Random(environment.entropy()), contents.map),
      relay_({}, Random(environment.entropy())),
      starts_({self.number, directory.store_id()}, std::move(contents.starts), contents.map,
              actions),
      inquiry_({}, Random(environment.entropy()), contents.map),
      board_({self.number}) {
  for (const Endpoint& seed : settings.seeds) seeds_.push_back(transport.connect(seed));
  if (!contents.map) return;
  peers_.set_map(*contents.map);
  outbox_.set_head({contents.map->cluster, contents.map->epoch});
}

/// Takes the messages of one frame.
struct GossipService::Receiver {
  GossipService& service;
  PeerId from;
  Instant now;
  GossipActions actions;

  AskerId asker() const { return AskerId{static_cast<uint64_t>(from)}; }
  void done() { service.perform(std::exchange(actions, {}), now); }

  void on(msg::Heartbeats&& heartbeats) {
    service.detector_.on_heartbeats(heartbeats, now, actions);
    service.spread_.on_heard(heartbeats.from, heartbeats.epoch, now, actions);
    done();
  }
  void on(msg::MapPull&& pull) {
    service.spread_.on_pull(pull, asker(), now, actions);
    done();
  }
  void on(msg::MapPush&& push) {
    service.spread_.on_push(push, now, actions);
    done();
  }
  void on(msg::Prepare&& prepare) {
    service.voter_.on_prepare(prepare, asker(), actions);
    done();
  }
  void on(msg::Promise&& promise) {
    service.proposer_.on_promise(promise, now, actions);
    done();
  }
  void on(msg::Accept&& accept) {
    service.voter_.on_accept(accept, asker(), now, actions);
    done();
  }
  void on(msg::Accepted&& accepted) {
    service.proposer_.on_accepted(accepted, now, actions);
    done();
  }
  void on(msg::Propose&& propose) {
    service.propose(propose, asker(), now, actions);
    done();
  }
  void on(msg::Proposed&& proposed) {
    service.relay_.on_proposed(proposed, now, actions);
    done();
  }
  void on(msg::Watch&& watch) {
    service.board_.on_watch(watch, asker(), service.news(), now, actions);
    service.detector_.on_daemons_up(service.board_.daemons_up(), now, actions);
    done();
  }
  void on(msg::StartShown&& shown) {
    service.inquiry_.on_shown(shown, asker(), now, actions);
    done();
  }
  void on(msg::StartVote&& vote) {
    service.starts_.on_vote(vote, asker(), actions);
    done();
  }
  void on(msg::StartVoted&& voted) {
    service.inquiry_.on_voted(voted, actions);
    done();
  }
  void on(msg::Introduce&& introduce) {
    MemberInfo self = service.self_;
    self.store_id = service.directory_.store_id();
    service.outbox_.add(from, msg::Introduced{introduce.id, self, service.directory_.cluster(),
                                              service.spread_.epoch()});
  }
  void on(msg::Hello&& hello) {
    service.outbox_.add(from, msg::HelloDone{hello.id, 0, "kv-gossip " KV_VERSION,
                                             service.self_.number, service.spread_.epoch()});
  }
  void on(msg::Ask&& ask) { service.on_ask(from, ask); }
};

void GossipService::on_frame(PeerId from, Frame frame, Instant now) {
  Receiver receiver{*this, from, now, {}};
  const uint64_t foreign = counters_.wrong_cluster;
  dispatch(frame, directory_.cluster(), environment_.log, &counters_, receiver);
  if (counters_.wrong_cluster != foreign) tell_own_cluster(from, frame);
}

// A daemon of this member with the directory of another cluster learns so from the head of a frame.
// Only a Watch is answered, which nobody answers with: two clusters do not talk without end.
void GossipService::tell_own_cluster(PeerId from, const Frame& frame) {
  struct {
    MemberNumber self;
    bool is_own = false;
    void on(msg::Watch&& watch) { is_own = is_own || watch.member == self; }
  } watches{self_.number};
  if (!FrameParser(frame).for_each(watches) || !watches.is_own) return;
  outbox_.add(from, msg::HelloDone{0, 0, "kv-gossip " KV_VERSION, self_.number, spread_.epoch()});
}

Instant GossipService::next_wake() const {
  return std::min({detector_.next_wake(), spread_.next_wake(), proposer_.next_wake(),
                   relay_.next_wake(), inquiry_.next_wake(), board_.next_wake()});
}

void GossipService::on_tick(Instant now) {
  GossipActions actions;
  board_.on_tick(now);
  detector_.on_daemons_up(board_.daemons_up(), now, actions);
  detector_.on_tick(now, actions);
  spread_.on_tick(now, actions);
  proposer_.on_tick(now, actions);
  relay_.on_tick(now, actions);
  inquiry_.on_tick(now, actions);
  proposer_.finish(voter_.orphan(now), now, actions);
  name_own_store(now, actions);
  perform(std::move(actions), now);
}

// A store that was lost has been replaced by one with another id, and this member does not vote
// until a map names it. The others are asked to agree on one that does, while there is a majority
// without this vote.
void GossipService::name_own_store(Instant now, GossipActions& actions) {
  const MapPointer& held = spread_.held();
  if (!held || store_failed_ || store_is_old_ || now < next_naming_) return;
  const MemberInfo* own = held->member(self_.number);
  if (own == nullptr || own->store_id == directory_.store_id()) return;
  next_naming_ = now + kNamingInterval;
  ClusterMap next = *held;
  next.epoch = held->epoch + 1;
  next.reason = "member " + std::to_string(self_.number) + " has a new store";
  for (MemberInfo& member : next.members)
    if (member.number == self_.number) member.store_id = directory_.store_id();
  environment_.log.info("store_to_be_named", {{"epoch", next.epoch}});
  const msg::Propose propose_it{environment_.entropy(), kNamingInterval,
                                std::make_shared<const ClusterMap>(std::move(next))};
  propose(propose_it, AskerId::nobody, now, actions);
}

void GossipService::end_of_turn(Instant now) {
  liveness_log_.look(detector_, environment_.log);
  tell_news(now);
  outbox_.flush();
}

// In order; what an action brings about is done before those that follow it.
void GossipService::perform(GossipActions actions, Instant now) {
  for (const GossipAction& action : actions) {
    GossipActions more;
    if (!perform_one(action, now, more)) return;
    if (!more.empty()) perform(std::move(more), now);
  }
}

bool GossipService::perform_one(const GossipAction& action, Instant now, GossipActions& more) {
  if (const auto* persist = std::get_if<Persist>(&action)) return commit(*persist);
  if (const auto* decided = std::get_if<Decided>(&action)) {
    if (!store_failed_) spread_.on_decided(decided->map, now, more);
  } else if (const auto* adopted = std::get_if<Adopted>(&action)) {
    adopt(adopted->map, now, more);
  } else if (const auto* seed = std::get_if<SendToSeed>(&action)) {
    std::visit([&](const auto& message) { outbox_.add(seeds_[seed->seed], message); },
               seed->message);
  } else if (const auto* send = std::get_if<Send>(&action)) {
    if (send->to == self_.number) {
      take_own(send->message, now, more);
    } else {
      const PeerId peer = peer_of(*send);
      std::visit([&](const auto& message) { outbox_.add(peer, message); }, send->message);
    }
  } else if (const auto* reply = std::get_if<ReplyTo>(&action)) {
    if (reply->to == AskerId::nobody) {
      take_own(reply->message, now, more);
    } else {
      const auto peer = PeerId{static_cast<uint64_t>(reply->to)};
      std::visit([&](const auto& message) { outbox_.add(peer, message); }, reply->message);
    }
  } else {
    renew_store();
  }
  return true;
}

bool GossipService::commit(const Persist& persist) {
  const Status status = store_.commit(persist, environment_.clock.wall());
  if (status) return true;
  store_failed_ = true;
  voter_.stop();
  starts_.stop();
  environment_.log.error("metadata_failed", {{"reason", status.error().what},
                                             {"consequence", "no votes until a restart"}});
  return false;
}

void GossipService::adopt(const MapPointer& map, Instant now, GossipActions& more) {
  if (const Status bound = directory_.bind(map->cluster); !bound) {
    environment_.log.error("cluster_not_bound", {{"reason", bound.error().what}});
  }
  environment_.log.info("map_adopted", {{"epoch", map->epoch}, {"reason", map->reason}});
  peers_.set_map(*map);
  outbox_.set_head({map->cluster, map->epoch});
  detector_.on_map(map, now);
  voter_.on_map(map);
  starts_.on_map(map, more);
  inquiry_.on_map(map);
  proposer_.on_map(map, now, more);
}

// Votes given before the disk was rolled back are not known here any more. The store gets a new
// id, which a map change must name before this member votes again.
void GossipService::renew_store() {
  voter_.stop();
  starts_.stop();
  store_is_old_ = true;
  MetaTransaction transaction;
  Status status = store_.forget_votes(&transaction);
  if (status) status = directory_.renew_store_id(environment_.entropy(), std::move(transaction));
  environment_.log.error("store_was_rolled_back",
                         {{"renewed", status ? "yes" : status.error().what}});
}

PeerId GossipService::peer_of(const Send& send) {
  if (!send.addresses) return peers_.peer(send.to, DaemonKind::gossip);
  const MemberInfo* member = send.addresses->member(send.to);
  const bool has_endpoint = member != nullptr && !member->endpoint(DaemonKind::gossip).empty();
  return has_endpoint ? transport_.connect(member->endpoint(DaemonKind::gossip)) : PeerId::none;
}

// What it says to itself needs no frame.
void GossipService::take_own(const GossipMessage& message, Instant now, GossipActions& more) {
  if (const auto* prepare = std::get_if<msg::Prepare>(&message)) {
    voter_.on_prepare(*prepare, AskerId::nobody, more);
  }
  if (const auto* accept = std::get_if<msg::Accept>(&message)) {
    voter_.on_accept(*accept, AskerId::nobody, now, more);
  }
  if (const auto* promise = std::get_if<msg::Promise>(&message)) {
    proposer_.on_promise(*promise, now, more);
  }
  if (const auto* accepted = std::get_if<msg::Accepted>(&message)) {
    proposer_.on_accepted(*accepted, now, more);
  }
  if (const auto* vote = std::get_if<msg::StartVote>(&message)) {
    starts_.on_vote(*vote, AskerId::nobody, more);
  }
  if (const auto* voted = std::get_if<msg::StartVoted>(&message)) {
    inquiry_.on_voted(*voted, more);
  }
}

// A voter leads it (even one that may not vote itself), and so does whoever is asked for the first
// map; another passes it on, to those who are alive first.
void GossipService::propose(const msg::Propose& propose, AskerId asker, Instant now,
                            GossipActions& actions) {
  const MapPointer& held = spread_.held();
  std::vector<MemberNumber> voters;
  if (held) voters = held->voters;
  const bool leads = !held || std::find(voters.begin(), voters.end(), self_.number) != voters.end();
  if (leads) return proposer_.on_propose(propose, asker, now, actions);
  std::stable_partition(voters.begin(), voters.end(), [&](MemberNumber voter) {
    const MemberRow* row = detector_.table().find(voter);
    return row != nullptr && row->liveness == Liveness::alive;
  });
  relay_.on_propose(propose, asker, std::move(voters), now, actions);
}

WatchBoard::News GossipService::news() const {
  return {spread_.held(), detector_.liveness_version(), detector_.liveness()};
}

void GossipService::tell_news(Instant now) {
  const uint64_t version = detector_.liveness_version();
  if (spread_.epoch() == told_epoch_ && version == told_version_) return;
  told_epoch_ = spread_.epoch();
  told_version_ = version;
  GossipActions actions;
  board_.on_news(news(), actions);
  perform(std::move(actions), now);
}

void GossipService::on_ask(PeerId from, const msg::Ask& ask) {
  msg::Told told;
  told.id = ask.id;
  if (ask.verb == "status") {
    told.report = status();
  } else if (ask.verb == "members") {
    told.report = members();
  } else if (ask.verb == "map-history") {
    Result<Report> history = map_history();
    if (history) {
      told.report = std::move(*history);
    } else {
      told.answer = Answer::io;
      told.detail = history.error().what;
    }
  } else {
    told.answer = Answer::invalid;
    told.detail = "kv-gossip knows no verb " + ask.verb;
  }
  outbox_.add(from, told);
}

Report GossipService::status() const {
  Report report = Report::object();
  report.set("member", self_.number).set("epoch", spread_.epoch());
  report.set("start_number", detector_.start_number());
  report.set("voter", voter_.may_vote()).set("proposing", !proposer_.is_idle());
  report.set("store_failed", store_failed_).set("store_was_rolled_back", store_is_old_);
  report.set("ill_health", detector_.ill_health());
  report.set("frames", counters_.frames).set("frames_refused", counters_.refused);
  report.set("frames_of_another_cluster", counters_.wrong_cluster);
  report.set("frames_sent", outbox_.frames_sent()).set("frames_dropped", outbox_.frames_dropped());
  return report;
}

Report GossipService::members() const {
  Report all = Report::array();
  for (const auto& [member, seen] : detector_.liveness()) {
    Report one = Report::object();
    one.set("member", member).set("liveness", to_string(seen.liveness));
    for (int kind = 0; kind < kDaemonKinds; ++kind) {
      one.set(to_string(static_cast<DaemonKind>(kind)), seen.is_up(static_cast<DaemonKind>(kind)));
    }
    const MemberRow* row = detector_.table().find(member);
    Report suspecters = Report::array();
    for (size_t i = 0; row != nullptr && i < row->suspicions.size(); ++i) {
      suspecters.append(row->suspicions[i].suspecter);
    }
    all.append(one.set("suspected_by", suspecters));
  }
  return all;
}

Result<Report> GossipService::map_history() {
  KV_ASSIGN(const auto rows, store_.history());
  Report all = Report::array();
  for (const MapHistoryRow& row : rows) {
    Report one = Report::object();
    one.set("epoch", row.epoch).set("at_microseconds", microseconds_of(row.at));
    all.append(one.set("reason", row.reason));
  }
  return all;
}

}  // namespace kv
