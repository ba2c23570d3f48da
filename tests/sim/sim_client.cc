#include "tests/sim/sim_client.h"

#include <algorithm>

namespace kv {

namespace {
constexpr Duration kTimeLeft = 4s;
constexpr double kFavourShare = 0.6;
constexpr msg::RequestId kIdsPerRequest = 1000;
}  // namespace

SimClient::SimClient(SimCluster& cluster, const SimClientOptions& options)
    : cluster_(cluster),
      options_(options),
      random_(options.seed),
      endpoints_(cluster.coordinators()),
      process_(cluster.network(), options.host, "") {
  next_put_ = {random_.next(), 1};
  process_.drive(this);
}

std::string SimClient::key_name(const SimKeyspace& keyspace, unsigned number) {
  return keyspace.name + "/" + std::to_string(1000 + number);
}

void SimClient::run() {
  running_ = true;
  process_.in_turn([this] { pause(cluster_.scheduler().now()); });
}

void SimClient::pause(Instant now) {
  const auto most = static_cast<uint64_t>(options_.pause_max.count()) + 1;
  wake_ =
      running_ ? now + Duration(static_cast<int64_t>(random_.below(most))) + 1us : Instant::max();
}

void SimClient::on_tick(Instant now) {
  wake_ = Instant::max();
  now_ = now;
  if (!request_) {
    if (running_) begin_something(now);
    return;
  }
  ClientActions actions;
  request_->on_tick(now, &actions);
  perform(std::move(actions), now);
}

void SimClient::end_of_turn(Instant) {}

void SimClient::on_frame(PeerId, Frame frame, Instant now) {
  now_ = now;
  FrameParser parser(frame);
  static_cast<void>(parser.for_each(*this));
}

void SimClient::on_reply(const ClientReply& reply) {
  const msg::RequestId id = std::visit([](const auto& done) { return done.id; }, reply);
  if (!request_ || id < next_base_) return;
  ClientActions actions;
  request_->on_reply(reply, now_, &actions);
  perform(std::move(actions), now_);
}

void SimClient::begin_something(Instant now) {
  const auto& keyspaces = cluster_.keyspaces();
  size_t chosen = random_.below(keyspaces.size());
  const auto is_favoured = [this](const SimKeyspace& k) { return k.name == options_.keyspace; };
  const auto favoured = std::find_if(keyspaces.begin(), keyspaces.end(), is_favoured);
  if (favoured != keyspaces.end() && random_.chance(kFavourShare))
    chosen = static_cast<size_t>(favoured - keyspaces.begin());
  const SimKeyspace& keyspace = keyspaces[chosen];
  const auto number = static_cast<unsigned>(random_.below(options_.keys));
  if (random_.chance(options_.writes)) return begin_put(keyspace, number, now);
  if (random_.chance(options_.scans)) return begin_scan(keyspace, now);
  begin_get(keyspace, number, now);
}

/// The quorum that counts; `*asked` is what the request says, 0 for the keyspace's own.
unsigned SimClient::quorum(unsigned usual, unsigned n, uint8_t* asked) {
  if (!random_.chance(options_.overrides)) return usual;
  *asked = static_cast<uint8_t>(1 + random_.below(n));
  return *asked;
}

void SimClient::begin_put(const SimKeyspace& keyspace, unsigned number, Instant now) {
  msg::ClientPut put;
  put.keyspace = keyspace.name;
  key_ = key_name(keyspace, number);
  put.key = SharedBytes::copy_of(key_);
  put.put = next_put_;
  ++next_put_.number;
  const auto context = contexts_.find(key_);
  if (random_.chance(options_.siblings)) {
    put.mode = PutMode::sibling;
  } else if (context != contexts_.end() && random_.chance(options_.contexts)) {
    put.mode = PutMode::over_context;
    put.context = context->second;
  }
  put.tombstone = number % 2 == 0 && random_.chance(options_.deletes);
  if (!put.tombstone) {
    std::string value =
        key_ + "=" + std::to_string(put.put.client) + "/" + std::to_string(put.put.number) + ":";
    value.resize(value.size() + random_.below(random_.chance(options_.big_values) ? 4000 : 60),
                 'x');
    put.value = SharedBytes(std::move(value));
  }
  // Values whose key a scan must show do not expire either.
  if (number % 2 == 0 && !put.tombstone && random_.chance(0.05))
    put.ttl = random_.chance(0.5) ? 2s : 30s;
  put.strict = random_.chance(0.1);
  const unsigned w = quorum(keyspace.w, keyspace.n, &put.w);
  cluster_.history().begin_put(key_, put, {w, keyspace.n, keyspace.strict || put.strict}, now);
  begin(std::move(put), now);
}

void SimClient::begin_get(const SimKeyspace& keyspace, unsigned number, Instant now) {
  msg::ClientGet get;
  get.keyspace = keyspace.name;
  key_ = key_name(keyspace, number);
  get.key = SharedBytes::copy_of(key_);
  get.strict = random_.chance(0.1);
  const unsigned r = quorum(keyspace.r, keyspace.n, &get.r);
  strict_get_ = {};
  if (keyspace.strict || get.strict) strict_get_ = {now, now, r, keyspace.n};
  begin(std::move(get), now);
}

void SimClient::read_all(const SimKeyspace& keyspace, const std::string& key) {
  process_.in_turn([this, keyspace, key] {
    msg::ClientGet get;
    get.keyspace = keyspace.name;
    key_ = key;
    get.key = SharedBytes::copy_of(key);
    get.r = static_cast<uint8_t>(msg::Quorum::all);
    strict_get_ = {};
    begin(std::move(get), cluster_.scheduler().now());
  });
}

void SimClient::begin_scan(const SimKeyspace& keyspace, Instant now) {
  msg::ClientScan scan;
  scan.keyspace = keyspace.name;
  scan.reverse = random_.chance(0.3);
  scan.records_max = static_cast<uint32_t>(1 + random_.below(options_.keys));
  scan.strict = random_.chance(0.1);
  const unsigned r = quorum(keyspace.r, keyspace.n, &scan.r);
  scan_ = {};
  scan_.strict = keyspace.strict || scan.strict;
  std::vector<std::string> never_deleted;
  for (unsigned i = 1; i < options_.keys; i += 2) never_deleted.push_back(key_name(keyspace, i));
  if (scan_.strict)
    scan_.expected = cluster_.history().known_to_strict(never_deleted, r, keyspace.n);
  scan_.terms = {now, now, r, keyspace.n};
  begin(std::move(scan), now);
}

void SimClient::begin(ClientMessage message, Instant now) {
  std::visit([](auto& m) { m.time_left = kTimeLeft; }, message);
  message_ = message;
  ClientRequest::Setting setting;
  setting.endpoints = endpoints_;
  setting.first = random_.below(endpoints_.size());
  next_base_ += kIdsPerRequest;
  setting.base = next_base_;
  setting.random = &random_;
  request_.emplace(ClientRequestSettings{}, std::move(setting), std::move(message));
  ClientActions actions;
  request_->start(now, &actions);
  perform(std::move(actions), now);
}

void SimClient::perform(ClientActions actions, Instant now) {
  while (true) {
    if (actions.wake_at) wake_ = *actions.wake_at;
    if (actions.reply) return over(*actions.reply, now);
    if (!actions.send) return;
    const ClientActions::ToCoordinator send = *actions.send;
    const Endpoint& endpoint = endpoints_[send.endpoint];
    if (cluster_.network().is_listening(endpoint)) {
      FrameBuilder builder;
      std::visit([&](const auto& message) { builder.add(message); }, send.message);
      process_.send(process_.connect(endpoint), builder.take(FrameHead{}));
      return;
    }
    actions = {};
    request_->on_connect_failed(send.endpoint, {ErrorKind::unavailable, "nobody listens"}, now,
                                &actions);
  }
}

void SimClient::over(const ClientReply& reply, Instant now) {
  request_.reset();
  wake_ = Instant::max();
  if (const auto* put = std::get_if<msg::PutDone>(&reply)) {
    put_over(*put, now);
  } else if (const auto* get = std::get_if<msg::GetDone>(&reply)) {
    get_over(*get, now);
  } else {
    scan_page_over(std::get<msg::ScanDone>(reply), now);
  }
  if (!request_) pause(now);
}

void SimClient::put_over(const msg::PutDone& done, Instant now) {
  cluster_.history().end_put(key_, std::get<msg::ClientPut>(message_), done, now);
}

void SimClient::get_over(const msg::GetDone& done, Instant now) {
  last_get_ = done;
  if (done.answer != Answer::ok && done.answer != Answer::not_found) return;
  contexts_[key_] = done.record.context;
  cluster_.history().saw_visible(key_, done.record, now);
  if (strict_get_.n == 0) return;
  strict_get_.ended = now;
  cluster_.history().end_strict_get(key_, done, strict_get_);
}

void SimClient::scan_page_over(const msg::ScanDone& done, Instant now) {
  if (done.answer != Answer::ok) return;
  msg::ClientScan scan = std::get<msg::ClientScan>(message_);
  History& history = cluster_.history();
  for (const msg::KeyRecord& row : done.records) {
    const std::string key(row.key.view());
    history.saw_visible(key, row.record, now);
    if (scan_.strict) history.saw_strict_row(key, row.record, scan_.terms);
    if (!scan_.last.empty() && (scan.reverse ? key >= scan_.last : key <= scan_.last))
      history.violation(key + ": a scan shows it after " + scan_.last);
    scan_.last = key;
    scan_.shown.insert(key);
  }
  if (done.more) {
    (scan.reverse ? scan.to : scan.from) = done.next;
    return begin(std::move(scan), now);
  }
  history.checked_scan();
  for (const std::string& key : scan_.expected)
    if (scan_.shown.count(key) == 0)
      history.stale(key + ": stale: a strict scan of " + scan.keyspace + " does not show it");
}

}  // namespace kv
