// The C++ client: requests to a cluster's coordinators over plain sockets (no libzmq, no threads).
//
// Many requests may be in flight; those started between two turns travel in one frame. Each fails
// over, tries again and ends as protocol/client_request.h says: exactly one reply each, within its
// time. One that waits:
//
//   Client client({{"ipc:///run/kv/1/coordinator.sock"}}, clock, entropy());
//   const msg::GetDone got = client.get(request);
//
// Not thread-safe. Connections are made at first use.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/random.h"
#include "libkv/model/report.h"
#include "libkv/protocol/admin_messages.h"
#include "libkv/protocol/client_request.h"
#include "libkv/wire/frame_codec.h"
#include "libkv/zmtp/zmtp_connection.h"

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
  /// Sends what was started, takes what has come, and waits for more, at most `limit`.
  void turn(Duration limit);

  // One request, waited for.
  msg::PutDone put(msg::ClientPut request);
  msg::GetDone get(msg::ClientGet request);
  msg::ScanDone scan(msg::ClientScan request);

  /// Asks one coordinator's administration. The error says why there is no answer.
  Result<msg::Told> ask(const Endpoint& endpoint, const std::string& verb, Report arguments,
                        Duration timeout);

  const std::vector<Endpoint>& endpoints() const { return options_.endpoints; }

 private:
  struct Connection {
    std::unique_ptr<ZmtpConnection> link;
    FrameBuilder gathered;
    std::deque<Frame> waiting;  ///< For room in the link's buffer.
  };
  struct Request {
    std::unique_ptr<ClientRequest> machine;
    std::function<void(ClientReply)> done;
    Instant wake = Instant::max();
    std::optional<ClientReply> reply;  ///< Over as soon as it was started: told by the next turn.
  };
  struct Receiver;
  class Told;

  void perform(uint64_t number, ClientActions actions);
  void send(uint64_t number, const ClientActions::ToCoordinator& to);
  Status connect(size_t endpoint);
  void broken(size_t endpoint);
  void flush();
  Status write_waiting(Connection& connection);
  void wait(Duration limit);
  void receive(size_t endpoint);
  void take(const Frame& frame);
  void on_reply(msg::RequestId id, ClientReply reply);
  void tick();
  template <typename Reply, typename Asked>
  Reply run(Asked request);

  const ClientOptions options_;
  Clock& clock_;
  Random random_;
  const uint64_t client_id_;
  uint64_t last_put_ = 0;
  uint64_t last_request_ = 0;
  uint64_t starting_ = 0;  ///< The request within whose start() this is.
  size_t preferred_ = 0;   ///< The endpoint that answered last.
  std::vector<Connection> connections_;
  std::map<uint64_t, Request> requests_;
};

}  // namespace kv
