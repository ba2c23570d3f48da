// What the coordinator's machines (put, get, scan) ask of the service around them.
//
// A machine never sends: it appends to the CoordinatorActions it is handed, and the service does
// what stands there and hands in an empty one the next time. Request ids are `base + k`, where base
// is the operation's number << 16: the service finds the machine of an answer by `id >> 16`.
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "libkv/base/assert.h"
#include "libkv/base/time.h"
#include "libkv/protocol/client_messages.h"
#include "libkv/protocol/node_messages.h"

namespace kv {

/// The present, handed in with every event: machines have no clock.
struct Moment {
  Instant now{};
  WallTime wall{};  ///< Decides only what is shown as expired.
};

constexpr unsigned kRequestIdBits = 16;  ///< Of an operation's own requests.

struct ToNode {
  MemberNumber to = 0;
  std::variant<msg::Mint, msg::Merge, msg::Read, msg::ScanPage, msg::Owe> message;
};

/// What an operation learnt of a member, for Routing.
struct MemberNote {
  enum class Kind {
    answered,          ///< Without a sync, after `latency`.
    answered_durable,  ///< After a sync, after `latency`.
    timed_out,         ///< Not within its patience.
  };
  MemberNumber member = 0;
  Kind kind = Kind::answered;
  Duration latency{};
};

struct CoordinatorActions {
  std::vector<ToNode> to_nodes;
  std::optional<std::variant<msg::PutDone, msg::GetDone, msg::ScanDone>> reply;
  std::vector<MemberNote> notes;
  /// The plan is too old: call replan() once a map of this epoch or later is here.
  std::optional<Epoch> replan;
  /// Call on_tick() then; takes the place of what was asked for before. Empty: at no time.
  std::optional<Instant> wake_at;
  bool finished = false;  ///< Nothing more will come of the machine: destroy it.
};

/// Draws an operation's request ids. REQUIRES: fewer than 2^16 are drawn; a put's and a get's
/// bounds on attempts and sends see to that, a scan looks at what is left.
class RequestIds {
 public:
  explicit RequestIds(msg::RequestId base) : base_(base) {}
  msg::RequestId draw() {
    KV_ASSERT(next_ < (1u << kRequestIdBits));
    return base_ + next_++;
  }
  size_t left() const { return (1u << kRequestIdBits) - next_; }

 private:
  msg::RequestId base_;
  uint32_t next_ = 0;
};

/// What a machine's parts are handed while an event is taken.
struct Step {
  const Moment& at;
  RequestIds& ids;
  CoordinatorActions& out;

  Instant now() const { return at.now; }
  template <typename M>
  void send(MemberNumber to, M message) const {
    out.to_nodes.push_back({to, std::move(message)});
  }
  void note_answered(MemberNumber member, Instant sent, bool durable) const {
    const auto kind = durable ? MemberNote::Kind::answered_durable : MemberNote::Kind::answered;
    out.notes.push_back({member, kind, at.now - sent});
  }
  void note_timed_out(MemberNumber member) const {
    out.notes.push_back({member, MemberNote::Kind::timed_out, Duration::zero()});
  }
};

/// The earlier of what is there; for the wake-ups of several parts.
inline std::optional<Instant> earlier(std::optional<Instant> a, std::optional<Instant> b) {
  if (!a) return b;
  if (!b) return a;
  return *a < *b ? a : b;
}

}  // namespace kv
