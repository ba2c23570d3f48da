// What every command that talks to a cluster begins with: its settings, the clock, a client.
//
//   const Result<Session> session = Session::open(flags);   // settings are wrong: exit 2
//   session->client().get(…)
#pragma once

#include <memory>
#include <string>

#include "libkv/base/posix_environment.h"
#include "libkv/cli/client_options.h"
#include "libkv/client/client.h"

namespace kv {

class Session {
 public:
  /// Errors: invalid (settings), denied, io (the settings' file). Connects to nobody yet.
  static Result<Session> open(const ClientFlags& flags);

  Client& client() { return *client_; }
  Clock& clock() { return *clock_; }
  const ClientSettings& settings() const { return settings_; }

  /// A get, put or scan of this session's keyspace and timeout, its other fields unset.
  template <typename Request>
  Request request() const {
    Request request;
    request.keyspace = settings_.keyspace;
    request.time_left = settings_.timeout;
    return request;
  }

 private:
  Session() = default;
  ClientSettings settings_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Client> client_;
};

}  // namespace kv
