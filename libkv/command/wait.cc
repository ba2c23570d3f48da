#include "libkv/command/wait.h"

#include <algorithm>

#include <poll.h>

#include "libkv/command/settled.h"

namespace kv {

namespace {

bool has_answered(const MemberSurvey& member, bool with_roots) {
  return member.cluster && member.status && (member.roots || !with_roots);
}

bool everybody_answered(const Result<ClusterSurvey>& found, bool with_roots) {
  return found && std::all_of(found->members.begin(), found->members.end(),
                              [&](const auto& member) { return has_answered(member, with_roots); });
}

/// No time makes this one better: ask_first() says it of endpoints that can never be connected to.
bool is_hopeless(const Result<ClusterSurvey>& found) {
  return !found &&
         (found.error().kind == ErrorKind::invalid || found.error().kind == ErrorKind::denied);
}

// Of a survey that was cut off: it may be for want of time only.
std::vector<std::string> not_heard_in(const Result<ClusterSurvey>& found, bool with_roots) {
  if (!found) return {found.error().what};
  std::vector<std::string> missing;
  for (const MemberSurvey& member : found->members) {
    if (has_answered(member, with_roots)) continue;
    missing.push_back("member " + std::to_string(member.member) +
                      " had not answered when the time was over: " + member.why);
  }
  return missing;
}

std::vector<std::string> missing_in(const Result<ClusterSurvey>& found, bool settled) {
  if (!found) return {found.error().what};
  return settled ? missing_for_settled(*found) : missing_for_ready(*found);
}

}  // namespace

Waited wait_for_cluster(Client& client, Clock& clock, const WaitOptions& options) {
  return wait_for_cluster([&](const SurveyOptions& how) { return survey(client, clock, how); },
                          clock, options);
}

Waited wait_for_cluster(const MakeSurvey& make_survey, Clock& clock, const WaitOptions& options) {
  const Instant begin = clock.now();
  const Instant deadline = begin + options.timeout;
  Waited waited;
  bool one_ended = false;
  for (;;) {
    SurveyOptions how;
    how.with_roots = options.settled;
    how.timeout = std::max<Duration>(deadline - clock.now(), 1ms);
    const auto found = make_survey(how);
    waited.took = clock.now() - begin;
    if (is_hopeless(found)) {
      waited.missing = {found.error().what};
      waited.hopeless = found.error();
      return waited;
    }
    // Its silent members had their time, or none was silent.
    const bool was_cut_off =
        how.timeout < how.member_timeout && !everybody_answered(found, options.settled);
    if (!was_cut_off) {
      one_ended = true;
      waited.missing = missing_in(found, options.settled);
      waited.nobody_answered = !found;
    } else if (!one_ended && (found || waited.missing.empty())) {
      // One that reached nobody in what was left of the time takes nothing back.
      waited.missing = not_heard_in(found, options.settled);
      waited.nobody_answered = !found;
    }
    const Duration pause = std::min(options.interval, deadline - clock.now());
    if (waited.missing.empty() || pause <= Duration::zero()) return waited;
    ::poll(nullptr, 0, std::max(1, static_cast<int>(pause / 1ms)));
  }
}

}  // namespace kv
