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
}  // namespace

Client::Client(ClientOptions options, Clock& clock, uint64_t seed)
    : options_(std::move(options)), clock_(clock), random_(seed), client_id_(random_.next()) {
  KV_ASSERT(!options_.endpoints.empty());
  links_.reserve(options_.endpoints.size());
  for (const Endpoint& endpoint : options_.endpoints) links_.emplace_back(endpoint, clock_);
}

Client::~Client() = default;

void Client::start(ClientMessage message, std::function<void(ClientReply)> done) {
  const uint64_t number = ++last_request_;
  ClientRequest::Setting setting{options_.endpoints, preferred_, number << kTryBits, &random_};
  auto machine =
      std::make_unique<ClientRequest>(options_.requests, std::move(setting), std::move(message));
  ClientRequest& started = *machine;
  requests_[number] = {std::move(machine), std::move(done), Instant::max(), {}, {}};
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
  if (actions.send) send(number, std::move(*actions.send));
}

void Client::send(uint64_t number, ClientActions::ToCoordinator to) {
  CoordinatorLink& link = links_[to.endpoint];
  if (const Status reached = link.reach(); !reached)
    return cannot_connect(number, to.endpoint, reached.error());
  if (link.is_open())
    return std::visit([&](const auto& message) { link.gather(message); }, to.message);
  if (!link.is_hopeful() && is_another_hopeful(to.endpoint))
    return cannot_connect(number, to.endpoint, link.silence());
  hold(requests_.at(number), std::move(to));
}

void Client::hold(Request& request, ClientActions::ToCoordinator to) {
  const Instant now = clock_.now();
  // Where there is nobody else to ask, as long as the request has patience.
  const Instant until = links_.size() > 1 ? now + CoordinatorLink::kSilence : Instant::max();
  request.held = Held{to.endpoint, std::move(to.message), now, until};
}

void Client::cannot_connect(uint64_t number, size_t endpoint, const Error& why) {
  Request& request = requests_.at(number);
  request.held.reset();
  prefer_another(endpoint);
  ClientActions actions;
  request.machine->on_connect_failed(endpoint, why, clock_.now(), &actions);
  perform(number, std::move(actions));
}

std::vector<uint64_t> Client::held_at(size_t endpoint) const {
  std::vector<uint64_t> numbers;
  for (const auto& [number, request] : requests_)
    if (request.held && request.held->endpoint == endpoint) numbers.push_back(number);
  return numbers;
}

bool Client::is_another_hopeful(size_t endpoint) const {
  for (size_t i = 0; i < links_.size(); ++i)
    if (i != endpoint && links_[i].is_hopeful()) return true;
  return false;
}

void Client::prefer_another(size_t endpoint) {
  if (preferred_ != endpoint) return;
  for (size_t i = 1; i < links_.size(); ++i) {
    const size_t next = (endpoint + i) % links_.size();
    if (!links_[next].is_hopeful()) continue;
    preferred_ = next;
    return;
  }
}

void Client::connect(size_t endpoint) {
  const Result<bool> has_opened = links_[endpoint].advance();
  if (has_opened && *has_opened) opened(endpoint);
  if (has_opened) return;
  for (const uint64_t number : held_at(endpoint))
    cannot_connect(number, endpoint, has_opened.error());
}

void Client::opened(size_t endpoint) {
  if (!links_[preferred_].is_open()) preferred_ = endpoint;
  const Instant now = clock_.now();
  for (const uint64_t number : held_at(endpoint)) {
    Request& request = requests_.at(number);
    const bool is_in_time = std::visit(
        [&](auto& message) {
          message.time_left -= now - request.held->since;
          if (message.time_left <= Duration::zero()) return false;
          links_[endpoint].gather(message);
          return true;
        },
        request.held->message);
    if (is_in_time) request.held.reset();
  }
}

void Client::broken(size_t endpoint) {
  prefer_another(endpoint);
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
  for (size_t i = 0; i < links_.size(); ++i)
    if (!links_[i].flush()) broken(i);
}

void Client::wait(Duration limit, int also) {
  Instant wake = clock_.now() + limit;
  for (const auto& [number, request] : requests_) {
    wake = std::min(wake, request.wake);
    if (request.held) wake = std::min(wake, request.held->until);
  }
  std::vector<pollfd> waited;
  for (const CoordinatorLink& link : links_)
    if (const auto awaited = link.awaited()) waited.push_back(*awaited);
  if (also >= 0) waited.push_back({also, POLLIN, 0});
  const Duration left = std::max(wake - clock_.now(), Duration::zero());
  const timespec timeout{std::chrono::duration_cast<std::chrono::seconds>(left).count(),
                         (left % 1s).count()};
  ::ppoll(waited.data(), waited.size(), &timeout, nullptr);
}

void Client::turn(Duration limit, int also) {
  flush();
  // What has come already is taken before anything is waited for.
  const size_t before = requests_.size();
  receive();
  if (requests_.size() == before && limit > Duration::zero()) {
    flush();
    wait(limit, also);
    receive();
  }
  tick();
  flush();
}

void Client::receive() {
  for (size_t i = 0; i < links_.size(); ++i) {
    connect(i);
    receive_from(i);
  }
}

void Client::receive_from(size_t endpoint) {
  while (links_[endpoint].is_open()) {
    Result<std::optional<Frame>> frame = links_[endpoint].try_receive();
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
    if (request.wake <= now || (request.held && request.held->until <= now)) due.push_back(number);
  for (const uint64_t number : due)
    if (requests_.contains(number)) tick(number, now);
}

void Client::tick(uint64_t number, Instant now) {
  Request& request = requests_.at(number);
  // Held until now, it was certainly not received.
  if (request.held) {
    const size_t endpoint = request.held->endpoint;
    return cannot_connect(number, endpoint, links_[endpoint].silence());
  }
  ClientActions actions;
  if (request.reply) {
    actions.reply = std::exchange(request.reply, std::nullopt);
  } else {
    request.machine->on_tick(now, &actions);
  }
  perform(number, std::move(actions));
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
