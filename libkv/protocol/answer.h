// What a request came to: the codes of every reply. On the wire: never change.
#pragma once

#include <cstdint>
#include <string>

#include "libkv/model/ids.h"

namespace kv {

enum class Answer : uint8_t {
  ok = 0,
  not_found = 1,    ///< No such key, keyspace or member.
  invalid = 2,      ///< Bad input or over a limit. Do not retry.
  unavailable = 3,  ///< Not done, nothing was stored anywhere.
  unknown = 4,      ///< A write without enough answers: it may have been stored.
  conflict = 5,     ///< A condition was not met; for a proposal: the epoch has moved on.
  corrupt = 6,      ///< The bytes of this key fail their checksum here. Never "absent".
  denied = 7,
  io = 8,  ///< This node writes no more until its restart.
  no_space = 9,
  busy = 10,  ///< A queue is full.
  stale_epoch =
      11,  ///< The request was planned with a map that is too old; the reply's epoch is newer.
  refilling = 12,    ///< This replica lost durable data and is not level yet.
  not_replica = 13,  ///< By its map this node neither owns nor stands in for the key.
  too_many_siblings = 14,
  late = 15,  ///< Its time was over before it was begun; nothing was done.
  wrong_cluster = 16,
  no_map = 17,       ///< No map yet: before kv-init, or just started.
  stale_round = 18,  ///< The record was read before a purge that has happened here: read again.
};

/// `unavailable`, `no_map`, as reports and logs have it; of one that is not known, `answer 200, of
/// a newer version`.
std::string to_string(Answer answer);
/// The same for a person: `it has no cluster map yet`, it being who answered.
std::string in_words(Answer answer);
/// `member 2: no space left on the device`
std::string told_by(MemberNumber member, Answer answer);

/// False: a newer version's. It means unavailable for a read and unknown for a write.
constexpr bool is_known(Answer answer) {
  return answer <= Answer::stale_round;
}

/// Whether the answer says for certain that the request changed nothing there.
constexpr bool is_refusal(Answer answer) {
  return is_known(answer) && answer != Answer::ok && answer != Answer::unknown &&
         answer != Answer::io;
}

}  // namespace kv
