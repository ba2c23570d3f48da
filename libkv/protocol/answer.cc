#include "libkv/protocol/answer.h"

namespace kv {

std::string to_string(Answer answer) {
  switch (answer) {
    case Answer::ok:
      return "ok";
    case Answer::not_found:
      return "not_found";
    case Answer::invalid:
      return "invalid";
    case Answer::unavailable:
      return "unavailable";
    case Answer::unknown:
      return "unknown";
    case Answer::conflict:
      return "conflict";
    case Answer::corrupt:
      return "corrupt";
    case Answer::denied:
      return "denied";
    case Answer::io:
      return "io";
    case Answer::no_space:
      return "no_space";
    case Answer::busy:
      return "busy";
    case Answer::stale_epoch:
      return "stale_epoch";
    case Answer::refilling:
      return "refilling";
    case Answer::not_replica:
      return "not_replica";
    case Answer::too_many_siblings:
      return "too_many_siblings";
    case Answer::late:
      return "late";
    case Answer::wrong_cluster:
      return "wrong_cluster";
    case Answer::no_map:
      return "no_map";
    case Answer::stale_round:
      return "stale_round";
  }
  return "answer " + std::to_string(static_cast<unsigned>(answer)) + ", of a newer version";
}

std::string in_words(Answer answer) {
  switch (answer) {
    case Answer::not_found:
      return "not found";
    case Answer::corrupt:
      return "its data of this key is corrupt";
    case Answer::io:
      return "its disk failed, and it writes no more until its restart";
    case Answer::no_space:
      return "no space left on the device";
    case Answer::stale_epoch:
      return "it was asked by an older cluster map";
    case Answer::refilling:
      return "it lost data and is fetching it";
    case Answer::not_replica:
      return "it holds no copy of this key";
    case Answer::too_many_siblings:
      return "too many siblings";
    case Answer::late:
      return "the time was over before it began";
    case Answer::wrong_cluster:
      return "it is of another cluster";
    case Answer::no_map:
      return "it has no cluster map yet";
    case Answer::stale_round:
      return "it has purged what this was read from";
    default:
      return to_string(answer);
  }
}

std::string told_by(MemberNumber member, Answer answer) {
  return "member " + std::to_string(member) + ": " + in_words(answer);
}

}  // namespace kv
