#include "libkv/command/session.h"

namespace kv {

Result<Session> Session::open(const ClientFlags& flags) {
  Session session;
  KV_ASSIGN(session.settings_, load_client_settings(flags));
  session.clock_ = std::make_unique<SystemClock>();
  session.client_ = std::make_unique<Client>(ClientOptions{session.settings_.endpoints, {}},
                                             *session.clock_, system_entropy());
  return session;
}

}  // namespace kv
