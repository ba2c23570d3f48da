#include "libkv/command/answers.h"

namespace kv {

namespace {

ErrorKind kind_of(Answer answer) {
  switch (answer) {
    case Answer::ok:
    case Answer::not_found:
      return ErrorKind::not_found;
    case Answer::invalid:
    case Answer::too_many_siblings:
      return ErrorKind::invalid;
    case Answer::unknown:
      return ErrorKind::unknown;
    case Answer::conflict:
      return ErrorKind::conflict;
    case Answer::corrupt:
      return ErrorKind::corrupt;
    case Answer::denied:
      return ErrorKind::denied;
    case Answer::busy:
      return ErrorKind::busy;
    case Answer::wrong_cluster:
      return ErrorKind::wrong_cluster;
    // What failed over there is, from here, a service that is not to be had.
    case Answer::unavailable:
    case Answer::io:
    case Answer::no_space:
    case Answer::stale_epoch:
    case Answer::refilling:
    case Answer::not_replica:
    case Answer::late:
    case Answer::no_map:
    case Answer::stale_round:
      return ErrorKind::unavailable;
  }
  return ErrorKind::unavailable;
}

}  // namespace

Error error_of(Answer answer, const std::string& detail) {
  return {kind_of(answer), detail.empty() ? in_words(answer) : detail};
}

Error error_of_change(Answer answer, const std::string& detail) {
  Error error = error_of(answer, detail);
  if (!is_known(answer)) error.kind = ErrorKind::unknown;
  return error;
}

}  // namespace kv
