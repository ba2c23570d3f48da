#include "libkv/protocol/start_registry.h"

#include <algorithm>
#include <utility>

#include "libkv/protocol/map_register.h"

namespace kv {

StartRegistry::StartRegistry(const Settings& settings, std::vector<StartRow> durable,
                             MapPointer held, GossipActions& actions)
    : settings_(settings), held_(std::move(held)) {
  for (StartRow& row : durable) rows_[row.member] = std::move(row);
  forget_unless_voter(actions);
}

void StartRegistry::on_map(MapPointer map, GossipActions& actions) {
  held_ = std::move(map);
  forget_unless_voter(actions);
}

void StartRegistry::forget_unless_voter(GossipActions& actions) {
  if (rows_.empty() || is_voter(held_, settings_.self, settings_.store_id)) return;
  rows_.clear();
  last_yes_.clear();
  first_heard_.clear();
  behind_.clear();
  recorded_of_.clear();
  run_behind_.clear();
  actions.push_back(Persist{StartsForgotten{}});
}

void StartRegistry::on_vote(const msg::StartVote& vote, AskerId asker, GossipActions& actions) {
  msg::StartVoted voted{vote.id, settings_.self, false, false, false};
  const auto last = last_yes_.find(vote.member);
  const bool may_vote = !stopped_ && is_voter(held_, settings_.self, settings_.store_id);
  // One that must not vote (its store is new) knows nothing: a "no" of it would end the inquiry
  // before those who know have spoken.
  if (!may_vote) return;
  if (held_->member(vote.member) != nullptr) {
    voted.behind = is_behind(vote);
    voted.knew = knew(vote);
    if (rows_.count(vote.member) == 0) {
      first_heard_[vote.member] = {vote.incarnation, vote.start_number};
    }
    if (voted.behind) {
      behind_[vote.member] = {vote.incarnation, vote.start_number};
      run_behind_[vote.member] = vote.run;
    }
    voted.yes = (last != last_yes_.end() && last->second == vote.id) || record(vote, actions);
    if (voted.yes) {
      last_yes_[vote.member] = vote.id;
      recorded_of_[vote.member] = vote.run;
    }
  }
  actions.push_back(ReplyTo{asker, voted});
}

// A directory that was wiped or rolled back counts its starts from an earlier number.
bool StartRegistry::is_behind(const msg::StartVote& vote) const {
  const auto found = rows_.find(vote.member);
  if (found == rows_.end()) return false;
  const StartRow& row = found->second;
  // Its row may have taken this start over already, in answer to a question whose answer was lost.
  const auto told = behind_.find(vote.member);
  const std::pair<uint64_t, uint64_t> start{vote.incarnation, vote.start_number};
  if (told != behind_.end() && told->second == start) return true;
  const auto recorded = recorded_of_.find(vote.member);
  if (vote.run != 0 && recorded != recorded_of_.end() && recorded->second == vote.run) {
    const auto run = run_behind_.find(vote.member);
    return run != run_behind_.end() && run->second == vote.run;
  }
  return vote.start_number < row.start_number ||
         (vote.start_number == row.start_number && vote.incarnation != row.incarnation);
}

// The question itself may have been recorded already, and its answer lost.
bool StartRegistry::knew(const msg::StartVote& vote) const {
  const auto first = first_heard_.find(vote.member);
  const std::pair<uint64_t, uint64_t> start{vote.incarnation, vote.start_number};
  const bool is_first = first != first_heard_.end() && first->second == start;
  return rows_.count(vote.member) != 0 && !is_first;
}

// Whether the vote is yes; then it is recorded, before it is told.
bool StartRegistry::record(const msg::StartVote& vote, GossipActions& actions) {
  const auto found = rows_.find(vote.member);
  StartRow row = found == rows_.end() ? StartRow{vote.member, 0, 0, {}} : found->second;
  const bool same = found != rows_.end() && row.incarnation == vote.incarnation;
  if (same && vote.start_number <= row.start_number) {
    // One that was drawn at this start, with its number, can only be this start shown again.
    return vote.incarnation_is_new && vote.start_number == row.start_number;
  }
  if (!same) {
    const auto& retired = row.retired;
    const bool is_retired =
        std::find(retired.begin(), retired.end(), vote.incarnation) != retired.end();
    if (!vote.incarnation_is_new || is_retired) return false;
    if (found != rows_.end()) row.retired.push_back(row.incarnation);
    if (retired.size() > settings_.retired_max) row.retired.erase(row.retired.begin());
  }
  row.incarnation = vote.incarnation;
  row.start_number = vote.start_number;
  actions.push_back(Persist{row});
  rows_[vote.member] = std::move(row);
  return true;
}

StartInquiry::StartInquiry(const Settings& settings, Random random, MapPointer held)
    : settings_(settings), random_(random), held_(std::move(held)) {}

size_t StartInquiry::Inquiry::yes() const {
  return static_cast<size_t>(std::count_if(answers.begin(), answers.end(),
                                           [](const auto& answer) { return answer.second; }));
}

void StartInquiry::on_shown(const msg::StartShown& shown, AskerId asker, Instant now,
                            GossipActions& actions) {
  Inquiry inquiry;
  inquiry.vote = {random_.next(),           shown.member, shown.incarnation, shown.start_number,
                  shown.incarnation_is_new, shown.run};
  inquiry.shown_id = shown.id;
  inquiry.asker = asker;
  if (held_) inquiry.voters = held_->voters;
  inquiry.give_up_at = now + settings_.give_up_after;
  const bool full = inquiries_.size() >= settings_.inquiries_max;
  if (full || inquiry.voters.empty()) return judge(inquiry, actions);
  ask(inquiry, now, actions);
  inquiries_.push_back(std::move(inquiry));
}

void StartInquiry::ask(Inquiry& inquiry, Instant now, GossipActions& actions) const {
  inquiry.resend_at = now + settings_.resend_after;
  for (const MemberNumber voter : inquiry.voters) {
    if (inquiry.answers.count(voter) == 0) actions.push_back(Send{voter, inquiry.vote, nullptr});
  }
}

bool StartInquiry::is_settled(const Inquiry& inquiry) {
  const size_t needed = inquiry.voters.size() / 2 + 1;
  if (inquiry.answers.size() == inquiry.voters.size()) return true;
  // Nothing else is told before all have spoken or the time is over: who speaks last may know that
  // the asker's directory is behind. The yes of voters whose stores are new would not show it, as
  // they know of no earlier start.
  return inquiry.yes() >= needed && (inquiry.behind || inquiry.knew >= needed);
}

void StartInquiry::judge(const Inquiry& inquiry, GossipActions& actions) {
  msg::StartJudged judged;
  judged.id = inquiry.shown_id;
  judged.yes = static_cast<uint8_t>(inquiry.yes());
  judged.answered = static_cast<uint8_t>(inquiry.answers.size());
  judged.voters = static_cast<uint8_t>(inquiry.voters.size());
  judged.behind = inquiry.behind;
  judged.known = !inquiry.voters.empty() && judged.yes >= majority_of(inquiry.voters.size());
  actions.push_back(ReplyTo{inquiry.asker, judged});
}

void StartInquiry::on_voted(const msg::StartVoted& voted, GossipActions& actions) {
  const auto found =
      std::find_if(inquiries_.begin(), inquiries_.end(),
                   [&](const Inquiry& inquiry) { return inquiry.vote.id == voted.id; });
  if (found == inquiries_.end()) return;
  const auto& voters = found->voters;
  if (std::find(voters.begin(), voters.end(), voted.voter) == voters.end()) return;
  const bool is_new = found->answers.emplace(voted.voter, voted.yes).second;
  if (is_new && voted.yes && voted.knew) ++found->knew;
  found->behind = found->behind || voted.behind;
  if (!is_settled(*found)) return;
  judge(*found, actions);
  inquiries_.erase(found);
}

void StartInquiry::on_tick(Instant now, GossipActions& actions) {
  for (auto inquiry = inquiries_.begin(); inquiry != inquiries_.end();) {
    if (now >= inquiry->give_up_at) {
      judge(*inquiry, actions);
      inquiry = inquiries_.erase(inquiry);
      continue;
    }
    if (now >= inquiry->resend_at) ask(*inquiry, now, actions);
    ++inquiry;
  }
}

Instant StartInquiry::next_wake() const {
  Instant wake = Instant::max();
  for (const Inquiry& inquiry : inquiries_) {
    wake = std::min({wake, inquiry.resend_at, inquiry.give_up_at});
  }
  return wake;
}

}  // namespace kv
