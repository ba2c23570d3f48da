// The C++ client: requests to a cluster's coordinators over plain sockets (no libzmq, no threads).
//
// Many requests may be in flight; those started between two turns travel in one frame. Each fails
// over, tries again and ends as protocol/client_request.h says: exactly one reply each, within its
// time. One that waits:
//
//   Client client({{"ipc:///run/kv/1/coordinator.sock"}}, clock, entropy());
//   const msg::GetDone got = client.get(request);
//
// Connections are made at first use, and nothing waits for one: what is meant for a coordinator is
// held until it speaks, and goes to another if it is silent for a moment (coordinator_link.h). The
// one that answered last is asked first; once it fails, the next that is hopeful.
//
// Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/random.h"
#include "libkv/client/coordinator_link.h"
#include "libkv/model/report.h"
#include "libkv/protocol/admin_messages.h"
#include "libkv/protocol/client_request.h"
#include "libkv/wire/frame_codec.h"

namespace kv {

struct ClientOptions {
  std::vector<Endpoint> endpoints;  ///< Of coordinators, in the order of preference; not empty.
  ClientRequestSettings requests;
};

class Client {
 public:
  /// `clock` must outlive it. `seed`: unpredictable; put ids are drawn from it.
  Client(ClientOptions options, Clock& clock, uint64_t seed);
  ~Client();

  /// A put id that no other put has.
  PutId next_put_id() { return {client_id_, ++last_put_}; }

  /// Begins a request; `done` is called from a later turn(). The message's time_left is how long it
  /// may take; a put needs its put id.
  void start(ClientMessage message, std::function<void(ClientReply)> done);
  size_t in_flight() const { return requests_.size(); }
  /// Sends what was started, takes what has come, and waits for more, at most `limit`, or until
  /// `also`, a descriptor, can be read.
  void turn(Duration limit, int also = -1);

  // One request, waited for.
  msg::PutDone put(msg::ClientPut request);
  msg::GetDone get(msg::ClientGet request);
  msg::ScanDone scan(msg::ClientScan request);

  /// Asks one coordinator's administration. The error says why there is no answer.
  Result<msg::Told> ask(const Endpoint& endpoint, const std::string& verb, Report arguments,
                        Duration timeout);

  const std::vector<Endpoint>& endpoints() const { return options_.endpoints; }

 private:
  /// A try whose coordinator is being connected to: certainly not sent.
  struct Held {
    size_t endpoint = 0;
    ClientMessage message;
    Instant since{};
    Instant until{};  ///< Then another coordinator is asked.
  };
  struct Request {
    std::unique_ptr<ClientRequest> machine;
    std::function<void(ClientReply)> done;
    Instant wake = Instant::max();
    std::optional<Held> held;
    std::optional<ClientReply> reply;  ///< Over as soon as it was started: told by the next turn.
  };
  struct Receiver;
  class Told;

  void perform(uint64_t number, ClientActions actions);
  void send(uint64_t number, ClientActions::ToCoordinator to);
  void hold(Request& request, ClientActions::ToCoordinator to);
  void cannot_connect(uint64_t number, size_t endpoint, const Error& why);
  std::vector<uint64_t> held_at(size_t endpoint) const;
  bool is_another_hopeful(size_t endpoint) const;
  void prefer_another(size_t endpoint);
  void connect(size_t endpoint);
  void opened(size_t endpoint);
  void broken(size_t endpoint);
  void flush();
  void wait(Duration limit, int also);
  void receive();
  void receive_from(size_t endpoint);
  void take(const Frame& frame);
  void on_reply(msg::RequestId id, ClientReply reply);
  void tick();
  void tick(uint64_t number, Instant now);
  template <typename Reply, typename Asked>
  Reply run(Asked request);

  const ClientOptions options_;
  Clock& clock_;
  Random random_;
  const uint64_t client_id_;
  uint64_t last_put_ = 0;
  uint64_t last_request_ = 0;
  uint64_t starting_ = 0;               ///< The request within whose start() this is.
  size_t preferred_ = 0;                ///< The endpoint that is asked first.
  std::vector<CoordinatorLink> links_;  ///< By endpoint.
  std::map<uint64_t, Request> requests_;
};

}  // namespace kv
