// The part of PutMachine that finds out whether members which gossip does not say are up answer all
// the same: by a read, which stores nothing, so that a put that finds nobody is *unavailable* and
// not *unknown*.
#include <algorithm>

#include "libkv/protocol/put_machine.h"

namespace kv {

// False if there is nobody to be asked, or they were asked already.
bool PutMachine::sound_out(const Step& step) {
  if (std::exchange(sounding_.done, true)) return false;
  const Duration left = std::max(Duration::zero(), deadline_ - step.now());
  Duration patience{};
  for (const Slot& slot : plan_.list.slots) {
    for (MemberNumber member : members_of(slot)) {
      const Candidate& candidate = plan_.candidate(member);
      if (candidate.up) continue;
      msg::Read read;
      read.id = step.ids.draw();
      read.epoch = plan_.epoch();
      read.time_left = left;
      read.keyspace = plan_.keyspace->id;
      read.key = request_.key;
      read.digest_only = true;
      sounding_.silent.emplace_back(read.id, member);
      patience = candidate.patience;
      step.send(member, std::move(read));
    }
  }
  if (sounding_.silent.empty()) return false;
  sounding_.sent = step.now();
  sounding_.due = step.now() + patience_with_not_up(patience, left);
  return true;
}

std::optional<MemberNumber> PutMachine::take_sounded(msg::RequestId id) {
  auto& silent = sounding_.silent;
  const auto found =
      std::find_if(silent.begin(), silent.end(), [id](const auto& one) { return one.first == id; });
  if (found == silent.end()) return std::nullopt;
  const MemberNumber member = found->second;
  silent.erase(found);
  return member;
}

// Whatever it answers: it does.
void PutMachine::on_answer(const msg::ReadDone& done, const Moment& at,
                           CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  if (const auto member = take_sounded(done.id)) sounded(*member, step);
  settle(step);
}

void PutMachine::sounding_is_over(const Step& step) {
  for (const auto& [id, member] : sounding_.silent) step.note_timed_out(member);
  end_sounding(step);
}

void PutMachine::sounded(MemberNumber member, const Step& step) {
  step.note_answered(member, sounding_.sent, false);
  // One that answers too late is owed a repair already, and is known to the next put.
  if (!sounding_.due) return;
  plan_.hear(member);
  layout_.reset();
  const auto sites = mint_sites(plan_, hints_count_);
  const bool is_enough = !sites.empty() && layout_for(sites[0]).reachable() >= needed_;
  if (is_enough || sounding_.silent.empty()) end_sounding(step);
}

// The sites that were tried stay in their order; those that were heard come after them.
void PutMachine::end_sounding(const Step& step) {
  sounding_.due.reset();
  if (replied_ || replan_wanted_) return;
  for (const MintSite& site : mint_sites(plan_, hints_count_)) {
    const bool is_known = std::any_of(sites_.begin(), sites_.end(), [&](const MintSite& known) {
      return known.member == site.member;
    });
    if (!is_known) sites_.push_back(site);
  }
  go_on(step);
}

}  // namespace kv
