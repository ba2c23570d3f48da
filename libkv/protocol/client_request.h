// The client's side of one request: which coordinator to ask, when to turn to another, when to give
// up, and what may then be said (used by libkv/client and by simulated clients).
//
//   try 0 at endpoint 0 ── no connection ──────────────▶ next endpoint at once; if every endpoint
//        │  │                                            is such that none is possible, done
//        │  │ no answer within a third of the time left ▶ next endpoint, try n+1
//        │  └ busy, unavailable, unknown, no_map, … ────▶ after a pause, next endpoint, try n+1
//        └ any other answer ▶ done
//   time over ▶ unavailable for a read, and for a write of which no try may have been received;
//               else unknown
//
// A write's tries bear one put id and rising try numbers: a later try's mint covers an earlier
// one's (model/mint.h), so trying again is safe. Therefore only the newest try's success counts: an
// older one's, come late, is covered by the newer one and is not reported. Nothing is hedged. Every
// wait and the number of tries are bounded. Pure; deterministic from `random`'s seed. Not
// thread-safe. After `reply` was set, no call.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/base/result.h"
#include "libkv/protocol/client_messages.h"

namespace kv {

using ClientMessage = std::variant<msg::ClientPut, msg::ClientGet, msg::ClientScan>;
using ClientReply = std::variant<msg::PutDone, msg::GetDone, msg::ScanDone>;

struct ClientRequestSettings {
  unsigned tries_max = 64;
  Duration pause_min = 5ms;  ///< Before trying again after a refusal; doubles, with jitter.
  Duration pause_max = 500ms;
  Duration patience_min = 50ms;  ///< With one try, unless less time is left.
};

struct ClientActions {
  struct ToCoordinator {
    size_t endpoint = 0;
    ClientMessage message;
  };
  std::optional<ToCoordinator> send;
  std::optional<ClientReply> reply;  ///< The request is over.
  std::optional<Instant> wake_at;    ///< Call on_tick() then. Takes the earlier one's place.
};

class ClientRequest {
 public:
  /// `endpoints`: their names, for error texts; the order is that of preference. `first`: where to
  /// begin, such as the one that answered last. Ids of the tries are `base + try`; time left and
  /// try number are filled in. REQUIRES: endpoints is not empty, first < endpoints.size().
  struct Setting {
    std::vector<std::string> endpoints;
    size_t first = 0;
    msg::RequestId base = 0;
    Random* random = nullptr;  ///< Outlives the request.
  };
  ClientRequest(const ClientRequestSettings& settings, Setting setting, ClientMessage message);

  void start(Instant now, ClientActions* actions);
  void on_reply(const ClientReply& reply, Instant now, ClientActions* actions);
  /// What was sent there was certainly not received: no connection could be made. `why`: invalid
  /// and denied say that none can ever be.
  void on_connect_failed(size_t endpoint, const Error& why, Instant now, ClientActions* actions);
  /// The connection broke: what was sent there may have been received, and will not be answered.
  void on_disconnected(size_t endpoint, Instant now, ClientActions* actions);
  void on_tick(Instant now, ClientActions* actions);

 private:
  struct Try {
    size_t endpoint = 0;
    bool may_be_received = false;  ///< And may have stored something.
  };
  /// The last thing that was heard of an endpoint.
  struct Outcome {
    std::string what;
    std::string word;   ///< The last answer of the coordinator there.
    std::string doubt;  ///< The same of the last try there that may have stored something.
    std::optional<Answer> hopeless;  ///< There can be no connection: what to answer then.
  };

  bool is_write() const { return std::holds_alternative<msg::ClientPut>(message_); }
  void next_try(Instant now, ClientActions* actions);
  void try_again_later(Instant now, ClientActions* actions);
  void set_outcome(const std::string& what, std::optional<Answer> hopeless = std::nullopt);
  void set_silence(const std::string& what);
  std::optional<Answer> hopeless() const;
  void give_up(ClientActions* actions, Answer answer = Answer::unavailable);
  void finish(ClientReply reply, ClientActions* actions);
  bool may_be_stored() const;
  std::string tried() const;
  void wake(ClientActions* actions) const;

  ClientRequestSettings settings_;
  Setting setting_;
  ClientMessage message_;
  Instant deadline_{};

  std::vector<Try> tries_;
  std::vector<Outcome> outcomes_;  ///< By endpoint.
  size_t next_endpoint_ = 0;
  bool awaited_ = false;        ///< The newest try is neither answered nor given up.
  std::optional<Instant> due_;  ///< Patience over, or pause over.
  Instant sent_{};              ///< When the newest try was.
  Duration pause_{};
  bool over_ = false;
};

}  // namespace kv
