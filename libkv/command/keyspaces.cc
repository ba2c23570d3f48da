#include "libkv/command/keyspaces.h"

#include <algorithm>

#include <poll.h>

#include "libkv/command/answers.h"
#include "libkv/command/ask_coordinators.h"
#include "libkv/command/report_path.h"
#include "libkv/command/text_table.h"

namespace kv {

namespace {

constexpr Duration kPollInterval = 20ms;

Report arguments_of(const NewKeyspace& keyspace) {
  Report arguments = Report::object().set("name", keyspace.name);
  if (keyspace.n) arguments.set("n", *keyspace.n);
  if (keyspace.r) arguments.set("r", *keyspace.r);
  if (keyspace.w) arguments.set("w", *keyspace.w);
  if (keyspace.strict) arguments.set("strict", true);
  return arguments;
}

bool all_have(const Client& client, uint64_t epoch, Duration timeout) {
  std::vector<Question> questions;
  for (const Endpoint& endpoint : client.endpoints())
    questions.push_back({endpoint, "cluster", Report()});
  const auto answers = ask_each(questions, timeout);
  return std::all_of(answers.begin(), answers.end(), [&](const Result<Report>& answer) {
    return !answer || number_at(*answer, {"epoch"}) >= epoch;
  });
}

}  // namespace

Result<Report> create_keyspace(Client& client, Clock& clock, const NewKeyspace& keyspace,
                               Duration timeout) {
  const Instant deadline = clock.now() + timeout;
  // First somebody who answers: then only the change itself can be lost without a word.
  KV_ASSIGN(const Informed first, ask_first(client, clock, "cluster", Report(), timeout));
  const Duration left = std::max<Duration>(deadline - clock.now(), 1ms);
  const Result<msg::Told> told =
      client.ask(first.endpoint, "keyspace-create", arguments_of(keyspace), left);
  if (!told)
    return fail(ErrorKind::unknown, "the keyspace may have been made: " + told.error().what);
  if (told->answer != Answer::ok) return fail(error_of_change(told->answer, told->detail));
  const uint64_t epoch = number_at(told->report, {"epoch"});
  while (clock.now() < deadline && !all_have(client, epoch, deadline - clock.now()))
    ::poll(nullptr, 0, static_cast<int>(kPollInterval / 1ms));
  KV_ASSIGN(const Report all,
            list_keyspaces(client, clock, std::max<Duration>(deadline - clock.now(), 100ms)));
  return keyspace_of(all, keyspace.name);
}

Result<Report> list_keyspaces(Client& client, Clock& clock, Duration timeout) {
  KV_ASSIGN(Informed told, ask_first(client, clock, "keyspaces", Report(), timeout));
  return std::move(told.report);
}

Result<Report> keyspace_of(const Report& keyspaces, const std::string& name) {
  for (const Report& keyspace : keyspaces.elements())
    if (text_at(keyspace, {"name"}) == name) return keyspace;
  return fail(ErrorKind::not_found, "there is no keyspace " + name);
}

std::string keyspaces_text(const Report& keyspaces) {
  TextTable table({"NAME", "KIND", "N", "R", "W", "STRICT", "CREATED"});
  for (const Report& keyspace : keyspaces.elements())
    table.add({shown_at(keyspace, {"name"}), shown_at(keyspace, {"kind"}),
               shown_at(keyspace, {"n"}), shown_at(keyspace, {"r"}), shown_at(keyspace, {"w"}),
               shown_at(keyspace, {"strict"}), shown_at(keyspace, {"created_epoch"})});
  return table.text();
}

}  // namespace kv
