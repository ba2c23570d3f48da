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
  actions.push_back(Persist{StartsForgotten{}});
}

namespace {

// The row is of this very process, whichever incarnation it showed then.
bool is_same_run(const msg::StartVote& vote, const StartRow& row) {
  return vote.run != 0 && vote.run == row.run;
}

// A directory that was wiped or rolled back counts its starts from an earlier number, and no two
// processes raise it to the same one. One that was behind stays so until a process lived to hear
// it.
bool is_behind(const msg::StartVote& vote, const StartRow& row) {
  if (is_same_run(vote, row)) return row.behind;
  return vote.start_number <= row.start_number ||
         (row.behind && vote.judged_start < row.start_number);
}

}  // namespace

const StartRow* StartRegistry::row_of(MemberNumber member) const {
  const auto found = rows_.find(member);
  return found == rows_.end() ? nullptr : &found->second;
}

void StartRegistry::on_vote(const msg::StartVote& vote, AskerId asker, GossipActions& actions) {
  // One that must not vote (its store is new) knows nothing: a "no" of it would end the inquiry
  // before those who know have spoken.
  if (stopped_ || !is_voter(held_, settings_.self, settings_.store_id)) return;
  msg::StartVoted voted{vote.id, settings_.self, false, false, false};
  if (held_->member(vote.member) != nullptr) judge(vote, voted, actions);
  actions.push_back(ReplyTo{asker, voted});
}

// A yes is recorded before it is told.
void StartRegistry::judge(const msg::StartVote& vote, msg::StartVoted& voted,
                          GossipActions& actions) {
  const StartRow* row = row_of(vote.member);
  voted.behind = row != nullptr && is_behind(vote, *row);
  voted.knew = row != nullptr && (!is_same_run(vote, *row) || row->knew);
  voted.yes = is_taken(vote, row);
  const bool is_recorded = row != nullptr && row->incarnation == vote.incarnation &&
                           row->start_number == vote.start_number;
  if (!voted.yes || is_recorded) return;
  StartRow next{vote.member, vote.incarnation, vote.start_number, {},
                vote.run,    voted.knew,       voted.behind};
  if (row != nullptr) next.retired = row->retired;
  if (row != nullptr && row->incarnation != vote.incarnation) {
    next.retired.push_back(row->incarnation);
    if (next.retired.size() > settings_.retired_max) next.retired.erase(next.retired.begin());
  }
  actions.push_back(Persist{next});
  rows_[vote.member] = std::move(next);
}

bool StartRegistry::is_taken(const msg::StartVote& vote, const StartRow* row) {
  if (row != nullptr && row->incarnation == vote.incarnation) {
    // The same start can only be this one shown again.
    return vote.start_number > row->start_number ||
           (vote.start_number == row->start_number && is_same_run(vote, *row));
  }
  if (!vote.incarnation_is_new) return false;
  return row == nullptr || std::find(row->retired.begin(), row->retired.end(), vote.incarnation) ==
                               row->retired.end();
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
                  shown.incarnation_is_new, shown.run,    shown.judged_start};
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
