// What clients ask a coordinator, and what it answers. kv-protocol(7) describes these for clients
// in other languages.
#pragma once

#include <string>
#include <vector>

#include "libkv/protocol/node_messages.h"

namespace kv::msg {

/// The first message on a connection, from either side of any pair of processes; optional. A peer
/// that has said none is served at the base version. Answered by HelloDone.
struct Hello {
  RequestId id = 0;
  uint64_t capabilities = 0;  ///< A set of bits; none is defined yet.
  std::string software;       ///< `kv-get 0.1.0`
  KV_FIELDS(a, b, c)
};
struct HelloDone {
  RequestId id = 0;
  uint64_t capabilities = 0;
  std::string software;
  MemberNumber member = 0;
  Epoch epoch = 0;
  KV_FIELDS(a, b, c, d, e)
};

/// How many replicas: a count, or one of these. On the wire: never change.
enum class Quorum : uint8_t { keyspace = 0, all = 0xff };

/// Answered by PutDone.
struct ClientPut {
  RequestId id = 0;
  Duration time_left{};
  std::string keyspace;
  SharedBytes key;
  PutMode mode = PutMode::over_what_is_there;
  CausalContext context;
  PutId put;
  /// Which try of the client's this is, from 0: each coordinator draws its attempts from its own
  /// stretch, kAttemptsPerTry wide.
  uint32_t try_number = 0;
  bool tombstone = false;
  SharedBytes value;
  Duration ttl{};
  uint8_t w = 0;        ///< 0: the keyspace's.
  bool strict = false;  ///< Beside the keyspace's own.
  KV_FIELDS(a, b, c, d, e, f, g, h, i, j, k, l, n)
};
inline constexpr Attempt kAttemptsPerTry = 16;

struct PutDone {
  RequestId id = 0;
  Answer answer = Answer::ok;
  std::string detail;  ///< For an answer other than ok: a phrase for the user.
  Epoch epoch = 0;
  uint8_t slots = 0;   ///< Slots that hold it durably.
  uint8_t hints = 0;   ///< Fallbacks that hold it durably as a hint.
  uint8_t needed = 0;  ///< W.
  CausalContext context;
  KV_FIELDS(a, b, c, d, e, f, g, h)
};

/// Answered by GetDone.
struct ClientGet {
  RequestId id = 0;
  Duration time_left{};
  std::string keyspace;
  SharedBytes key;
  uint8_t r = 0;  ///< 0: the keyspace's.
  bool strict = false;
  KV_FIELDS(a, b, c, d, e, f)
};

struct GetDone {
  RequestId id = 0;
  Answer answer = Answer::ok;  ///< not_found: nothing visible; the context is there all the same.
  std::string detail;
  Epoch epoch = 0;
  uint8_t replicas = 0;  ///< That answered in time.
  uint8_t needed = 0;    ///< R.
  Record record;         ///< Its context, and its visible siblings only.
  KV_FIELDS(a, b, c, d, e, f, g)
};

/// One page of a scan, in key order. Answered by ScanDone.
struct ClientScan {
  RequestId id = 0;
  Duration time_left{};
  std::string keyspace;
  std::string from;  ///< Inclusive.
  std::string to;    ///< Exclusive; empty: no end.
  bool reverse = false;
  bool keys_only = false;
  uint32_t records_max = 0;
  uint8_t r = 0;
  bool strict = false;
  KV_FIELDS(a, b, c, d, e, f, g, h, i, j)
};

struct ScanDone {
  RequestId id = 0;
  Answer answer = Answer::ok;
  std::string detail;
  Epoch epoch = 0;
  std::vector<KeyRecord> records;  ///< Visible siblings only; none for keys_only.
  bool more = false;               ///< Ask again from `next`.
  std::string next;                ///< The next page's `from` (reverse: its `to`).
  KV_FIELDS(a, b, c, d, e, f, g)
};

}  // namespace kv::msg
