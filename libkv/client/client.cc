#include "libkv/client/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <poll.h>

#include "libkv/base/assert.h"

namespace kv {

namespace {
/// Of a request's id: its tries count in these.
constexpr unsigned kTryBits = 8;
/// A connection to this host is made at once or not at all.
constexpr Duration kConnectTimeout = 1s;
}  // namespace

Client::Client(ClientOptions options, Clock& clock, uint64_t seed)
    : options_(std::move(options)), clock_(clock), random_(seed), client_id_(random_.next()) {
  KV_ASSERT(!options_.endpoints.empty());
  connections_.resize(options_.endpoints.size());
}

Client::~Client() = default;

void Client::start(ClientMessage message, std::function<void(ClientReply)> done) {
  const uint64_t number = ++last_request_;
  ClientRequest::Setting setting{options_.endpoints, preferred_, number << kTryBits, &random_};
  auto machine =
      std::make_unique<ClientRequest>(options_.requests, std::move(setting), std::move(message));
  ClientRequest& started = *machine;
  requests_[number] = {std::move(machine), std::move(done), Instant::max(), {}};
  ClientActions actions;
  started.start(clock_.now(), &actions);
  starting_ = number;
  perform(number, std::move(actions));
  starting_ = 0;
}

void Client::perform(uint64_t number, ClientActions actions) {
  const auto found = requests_.find(number);
  if (found == requests_.end() || found->second.reply) return;
  found->second.wake = actions.wake_at.value_or(Instant::max());
  if (actions.reply && number == starting_) {
    found->second.reply = std::move(actions.reply);
    found->second.wake = clock_.now();
    return;
  }
  if (actions.reply) {
    const auto done = std::move(found->second.done);
    requests_.erase(found);
    done(std::move(*actions.reply));
    return;
  }
  if (actions.send) send(number, *actions.send);
}

void Client::send(uint64_t number, const ClientActions::ToCoordinator& to) {
  if (const Status connected = connect(to.endpoint); !connected) {
    ClientActions actions;
    requests_.at(number).machine->on_connect_failed(to.endpoint, connected.error(), clock_.now(),
                                                    &actions);
    return perform(number, std::move(actions));
  }
  Connection& connection = connections_[to.endpoint];
  std::visit([&](const auto& message) { connection.gathered.add(message); }, to.message);
  if (connection.gathered.bytes() < limits::frame_bytes_target) return;
  connection.waiting.push_back(connection.gathered.take({}));
}

Status Client::connect(size_t endpoint) {
  Connection& connection = connections_[endpoint];
  if (connection.link) return {};
  KV_ASSIGN(connection.link, ZmtpConnection::connect(options_.endpoints[endpoint], clock_,
                                                     clock_.now() + kConnectTimeout));
  return {};
}

void Client::broken(size_t endpoint) {
  connections_[endpoint].link.reset();
  connections_[endpoint].gathered = {};
  connections_[endpoint].waiting.clear();
  std::vector<uint64_t> numbers;
  for (const auto& [number, request] : requests_) numbers.push_back(number);
  for (const uint64_t number : numbers) {
    const auto found = requests_.find(number);
    if (found == requests_.end()) continue;
    ClientActions actions;
    actions.wake_at = found->second.wake;
    found->second.machine->on_disconnected(endpoint, clock_.now(), &actions);
    perform(number, std::move(actions));
  }
}

void Client::flush() {
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    if (!connection.link) continue;
    if (!connection.gathered.empty()) connection.waiting.push_back(connection.gathered.take({}));
    if (!write_waiting(connection)) broken(i);
  }
}

// A full buffer is no fault: what does not fit waits until the socket has taken some.
Status Client::write_waiting(Connection& connection) {
  while (!connection.waiting.empty()) {
    const Status queued = connection.link->queue(connection.waiting.front().view());
    if (!queued && queued.error().kind != ErrorKind::busy) return queued;
    if (queued) {
      connection.waiting.pop_front();
      continue;
    }
    const size_t before = connection.link->unsent_bytes();
    KV_TRY(connection.link->flush());
    if (connection.link->unsent_bytes() == before) return {};
  }
  return connection.link->wants_write() ? connection.link->flush() : Status{};
}

void Client::wait(Duration limit) {
  Instant wake = clock_.now() + limit;
  for (const auto& [number, request] : requests_) wake = std::min(wake, request.wake);
  std::vector<pollfd> waited;
  for (const Connection& connection : connections_) {
    if (!connection.link) continue;
    const short events =
        static_cast<short>(POLLIN | (connection.link->wants_write() ? POLLOUT : 0));
    waited.push_back({connection.link->fd(), events, 0});
  }
  const Duration left = std::max(wake - clock_.now(), Duration::zero());
  const timespec timeout{std::chrono::duration_cast<std::chrono::seconds>(left).count(),
                         (left % 1s).count()};
  ::ppoll(waited.data(), waited.size(), &timeout, nullptr);
}

void Client::turn(Duration limit) {
  flush();
  // What has come already is taken before anything is waited for.
  const size_t before = requests_.size();
  for (size_t i = 0; i < connections_.size(); ++i) receive(i);
  if (requests_.size() == before && limit > Duration::zero()) {
    wait(limit);
    for (size_t i = 0; i < connections_.size(); ++i) receive(i);
  }
  tick();
  flush();
}

void Client::receive(size_t endpoint) {
  while (connections_[endpoint].link) {
    Result<std::optional<Frame>> frame = connections_[endpoint].link->try_receive();
    if (!frame) return broken(endpoint);
    if (!*frame) return;
    preferred_ = endpoint;
    take(**frame);
  }
}

/// Takes the replies of one frame.
struct Client::Receiver {
  Client& client;
  void on(msg::PutDone&& done) { client.on_reply(done.id, std::move(done)); }
  void on(msg::GetDone&& done) { client.on_reply(done.id, std::move(done)); }
  void on(msg::ScanDone&& done) { client.on_reply(done.id, std::move(done)); }
};

void Client::take(const Frame& frame) {
  FrameParser parser(frame);
  // A frame that does not parse is as good as lost: the requests' own waits go on.
  if (parser.status()) static_cast<void>(parser.for_each(Receiver{*this}));
}

void Client::on_reply(msg::RequestId id, ClientReply reply) {
  const uint64_t number = id >> kTryBits;
  const auto found = requests_.find(number);
  if (found == requests_.end()) return;
  ClientActions actions;
  actions.wake_at = found->second.wake;
  found->second.machine->on_reply(reply, clock_.now(), &actions);
  perform(number, std::move(actions));
}

void Client::tick() {
  const Instant now = clock_.now();
  std::vector<uint64_t> due;
  for (const auto& [number, request] : requests_)
    if (request.wake <= now) due.push_back(number);
  for (const uint64_t number : due) {
    const auto found = requests_.find(number);
    if (found == requests_.end()) continue;
    ClientActions actions;
    if (found->second.reply) {
      actions.reply = std::exchange(found->second.reply, std::nullopt);
    } else {
      found->second.machine->on_tick(now, &actions);
    }
    perform(number, std::move(actions));
  }
}

template <typename Reply, typename Asked>
Reply Client::run(Asked request) {
  std::optional<Reply> reply;
  start(std::move(request), [&](ClientReply got) { reply = std::get<Reply>(std::move(got)); });
  while (!reply) turn(1s);
  return std::move(*reply);
}

msg::PutDone Client::put(msg::ClientPut request) {
  return run<msg::PutDone>(std::move(request));
}
msg::GetDone Client::get(msg::ClientGet request) {
  return run<msg::GetDone>(std::move(request));
}
msg::ScanDone Client::scan(msg::ClientScan request) {
  return run<msg::ScanDone>(std::move(request));
}

/// The answer to one question.
class Client::Told {
 public:
  explicit Told(msg::RequestId id) : id_(id) {}
  void on(msg::Told&& told) {
    if (told.id == id_) told_ = std::move(told);
  }
  std::optional<msg::Told>& told() { return told_; }

 private:
  msg::RequestId id_;
  std::optional<msg::Told> told_;
};

Result<msg::Told> Client::ask(const Endpoint& endpoint, const std::string& verb, Report arguments,
                              Duration timeout) {
  const Instant deadline = clock_.now() + timeout;
  KV_ASSIGN(const auto link,
            ZmtpConnection::connect(endpoint, clock_, std::min(deadline, clock_.now() + timeout)));
  msg::Ask ask{random_.next(), timeout, verb, std::move(arguments)};
  FrameBuilder builder;
  builder.add(ask);
  KV_TRY(link->send(builder.take({}).view(), deadline));
  Told receiver(ask.id);
  while (!receiver.told()) {
    KV_ASSIGN(const Frame frame, link->receive(deadline));
    FrameParser parser(frame);
    KV_TRY(parser.for_each(receiver));
  }
  return std::move(*receiver.told());
}

}  // namespace kv
