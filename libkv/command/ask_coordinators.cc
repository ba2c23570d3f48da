#include "libkv/command/ask_coordinators.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "libkv/base/posix_environment.h"
#include "libkv/command/answers.h"

namespace kv {

namespace {

constexpr size_t kThreadsMax = 16;

Result<Report> ask_one(const Question& question, Duration timeout) {
  SystemClock clock;
  Client client({{question.endpoint}, {}}, clock, system_entropy());
  KV_ASSIGN(msg::Told told,
            client.ask(question.endpoint, question.verb, question.arguments, timeout));
  if (told.answer != Answer::ok) return fail(error_of(told.answer, told.detail));
  return std::move(told.report);
}

/// Of two endpoints together: what can be hoped for from one is unavailable.
ErrorKind worst_of(ErrorKind before, ErrorKind next) {
  const bool never = next == ErrorKind::invalid || next == ErrorKind::denied;
  if (!never || before == ErrorKind::unavailable) return ErrorKind::unavailable;
  return before == ErrorKind::denied ? before : next;
}

}  // namespace

std::vector<Result<Report>> ask_each(const std::vector<Question>& questions, Duration timeout) {
  // Each thread writes only to the places whose index it drew.
  std::vector<Result<Report>> answers(questions.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < questions.size(); i = next++)
      answers[i] = ask_one(questions[i], timeout);
  };
  std::vector<std::thread> threads;
  const size_t beside = std::min(questions.size(), kThreadsMax);
  for (size_t t = 1; t < beside; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return answers;
}

Result<Informed> ask_first(Client& client, Clock& clock, const std::string& verb,
                           const Report& arguments, Duration timeout) {
  const Instant deadline = clock.now() + timeout;
  const std::vector<Endpoint>& endpoints = client.endpoints();
  std::string tried;
  // Invalid and denied, if it is so of all of them; denied if of one.
  ErrorKind kind = ErrorKind::invalid;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const auto ways_left = static_cast<int64_t>(endpoints.size() - i);
    const Duration share = std::max((deadline - clock.now()) / ways_left, Duration(1ms));
    Result<msg::Told> told = client.ask(endpoints[i], verb, arguments, share);
    if (told && told->answer == Answer::ok) return Informed{endpoints[i], std::move(told->report)};
    if (told && told->answer != Answer::no_map && told->answer != Answer::busy)
      return fail(error_of(told->answer, told->detail));
    kind = worst_of(kind, told ? ErrorKind::unavailable : told.error().kind);
    tried += tried.empty() ? "" : "; ";
    tried +=
        told ? endpoints[i] + ": " + error_of(told->answer, told->detail).what : told.error().what;
  }
  return fail(kind, "no coordinator answered: " + tried);
}

}  // namespace kv
