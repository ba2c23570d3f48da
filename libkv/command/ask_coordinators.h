// Questions of administration to coordinators: to the first that knows an answer, or to many at the
// same time, so that a member that is gone costs its own deadline only and not the sum of all.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/client/client.h"

namespace kv {

struct Question {
  Endpoint endpoint;
  std::string verb;
  Report arguments;
};

/// Asks all, a few at a time, each on a connection of its own; answers in the order of the
/// questions. An answer other than ok is an error as answers.h has it.
std::vector<Result<Report>> ask_each(const std::vector<Question>& questions, Duration timeout);

struct Informed {
  Endpoint endpoint;  ///< Who answered.
  Report report;
};

/// Asks the client's endpoints in turn until one answers that has a cluster map; each is given its
/// share of the time left. Errors: unavailable, naming each endpoint and why it has not answered
/// (invalid or denied, if none of them ever can); otherwise the answer of the one that did.
Result<Informed> ask_first(Client& client, Clock& clock, const std::string& verb,
                           const Report& arguments, Duration timeout);

}  // namespace kv
