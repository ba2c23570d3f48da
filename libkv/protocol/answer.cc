#include "libkv/protocol/answer.h"

namespace kv {

namespace {

std::string in_words(Answer answer) {
  switch (answer) {
    case Answer::no_space:
      return "no space left on the device";
    case Answer::io:
      return "its disk failed, and it writes no more until its restart";
    case Answer::corrupt:
      return "its data of this key is corrupt";
    default:
      return to_string(answer);
  }
}

}  // namespace

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

std::string told_by(MemberNumber member, Answer answer) {
  return "member " + std::to_string(member) + ": " + in_words(answer);
}

}  // namespace kv
