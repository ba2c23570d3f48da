#include "libkv/protocol/proposal_relay.h"

#include <algorithm>
#include <utility>

#include "libkv/base/limits.h"

namespace kv {

void ProposalRelay::on_propose(const msg::Propose& propose, AskerId asker,
                               std::vector<MemberNumber> voters, Instant now,
                               GossipActions& actions) {
  Relayed relayed;
  relayed.propose = propose;
  relayed.propose.id = random_.next();
  relayed.asked_id = propose.id;
  relayed.asker = asker;
  relayed.voters = std::move(voters);
  relayed.deadline = now + std::min(propose.time_left, limits::request_timeout_max);
  if (relayed.voters.empty()) {
    return answer(relayed, {0, Answer::unavailable, 0, "no voter is known here"}, actions);
  }
  if (relayed_.size() >= settings_.relayed_max) {
    return answer(relayed, {0, Answer::busy, 0, "too many proposals wait here"}, actions);
  }
  try_next(relayed, now, actions);
  relayed_.push_back(std::move(relayed));
}

void ProposalRelay::try_next(Relayed& relayed, Instant now, GossipActions& actions) const {
  msg::Propose copy = relayed.propose;
  copy.time_left = relayed.deadline - now;
  const MemberNumber voter = relayed.voters[relayed.tried % relayed.voters.size()];
  ++relayed.tried;
  relayed.try_another_at = now + settings_.try_another_after;
  actions.push_back(Send{voter, std::move(copy), nullptr});
}

void ProposalRelay::on_proposed(const msg::Proposed& proposed, Instant now,
                                GossipActions& actions) {
  const auto found = std::find_if(relayed_.begin(), relayed_.end(), [&](const Relayed& relayed) {
    return relayed.propose.id == proposed.id;
  });
  if (found == relayed_.end()) return;
  msg::Proposed told = proposed;
  const bool one_copy = found->tried == 1;
  const bool moved_on = told.answer == Answer::conflict && told.epoch > found->propose.map->epoch;
  if (!one_copy && (moved_on || told.answer == Answer::unavailable)) told.answer = Answer::unknown;
  // A voter whose queue is full has not begun: another may.
  const bool another = told.answer == Answer::busy && now < found->deadline;
  if (another && found->tried < found->voters.size()) return try_next(*found, now, actions);
  if (!one_copy && told.answer == Answer::busy) told.answer = Answer::unknown;
  answer(*found, std::move(told), actions);
  relayed_.erase(found);
}

void ProposalRelay::answer(const Relayed& relayed, msg::Proposed proposed, GossipActions& actions) {
  proposed.id = relayed.asked_id;
  actions.push_back(ReplyTo{relayed.asker, std::move(proposed)});
}

void ProposalRelay::on_tick(Instant now, GossipActions& actions) {
  for (auto relayed = relayed_.begin(); relayed != relayed_.end();) {
    if (now >= relayed->deadline) {
      answer(*relayed, {0, Answer::unknown, 0, "no voter answered in time"}, actions);
      relayed = relayed_.erase(relayed);
      continue;
    }
    if (now >= relayed->try_another_at) try_next(*relayed, now, actions);
    ++relayed;
  }
}

Instant ProposalRelay::next_wake() const {
  Instant wake = Instant::max();
  for (const Relayed& relayed : relayed_) {
    wake = std::min({wake, relayed.deadline, relayed.try_another_at});
  }
  return wake;
}

}  // namespace kv
