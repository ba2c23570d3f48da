#include "libkv/protocol/put_layout.h"

#include <algorithm>

namespace kv {

namespace {

bool is_live(const Plan& plan, const Slot& slot) {
  const auto members = members_of(slot);
  return std::all_of(members.begin(), members.end(),
                     [&](MemberNumber m) { return plan.candidate(m).live; });
}

// The slot that a minting fallback stands in for: the first that is not live, else the first.
size_t slot_to_stand_in_for(const Plan& plan) {
  for (size_t i = 0; i < plan.list.slots.size(); ++i) {
    if (!is_live(plan, plan.list.slots[i])) return i;
  }
  return 0;
}

}  // namespace

MintSites mint_sites(const Plan& plan, bool hints_count) {
  MintSites sites;
  const auto add_slots = [&](auto&& wanted) {
    for (size_t i = 0; i < plan.list.slots.size(); ++i) {
      const MemberNumber reader = reader_of(plan.list.slots[i]);
      if (wanted(plan.candidate(reader))) sites.push_back({reader, i, false});
    }
  };
  const auto add_fallbacks = [&](bool near) {
    for (MemberNumber member : plan.list.fallbacks) {
      const Candidate& candidate = plan.candidate(member);
      if (!candidate.live || candidate.near != near) continue;
      sites.push_back({member, slot_to_stand_in_for(plan), true});
    }
  };
  add_slots([](const Candidate& c) { return c.live && c.near; });
  add_slots([](const Candidate& c) { return c.live && !c.near; });
  if (hints_count) {
    add_fallbacks(true);
    add_fallbacks(false);
  }
  add_slots([](const Candidate& c) { return c.up && !c.live; });
  return sites;
}

PutLayout::PutLayout(const Plan& plan, const Terms& terms, const MintSite& site)
    : plan_(&plan), terms_(terms) {
  for (size_t i = 0; i < plan.list.slots.size(); ++i) slots_.push_back({});
  place_direct();
  if (site.hint) {
    slots_[site.slot].hint_at = site.member;
    use(site.member);
  } else {
    // A member that is doubted but mints holds a copy of its own.
    auto& direct = slots_[site.slot].direct;
    if (!direct.contains(site.member)) {
      direct.push_back(site.member);
      use(site.member);
    }
  }
  place_hints(Why::down);
  place_hints(Why::data_centre_down);
  place_rest();
}

void PutLayout::use(MemberNumber member) {
  used_.push_back(member);
  hosts_used_.push_back(plan_->candidate(member).host);
}

void PutLayout::place_direct() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    for (MemberNumber member : members_of(plan_->list.slots[i])) {
      if (!plan_->candidate(member).live) continue;
      slots_[i].direct.push_back(member);
      use(member);
    }
  }
}

size_t PutLayout::counted_so_far() const {
  size_t counted = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const size_t members = members_of(plan_->list.slots[i]).size();
    if (slots_[i].hint_at != 0 || slots_[i].direct.size() == members) ++counted;
  }
  return counted;
}

void PutLayout::place_hints(Why why) {
  if (!terms_.hints_count) return;
  for (size_t i = 0; i < slots_.size(); ++i) {
    SlotLayout& slot = slots_[i];
    const Slot& planned = plan_->list.slots[i];
    if (slot.hint_at != 0 || slot.direct.size() == members_of(planned).size()) continue;
    const bool dc_down = plan_->candidate(planned.owner).dc_down;
    if (dc_down != (why == Why::data_centre_down)) continue;
    if (dc_down && counted_so_far() >= terms_.needed) continue;
    slot.hint_at = take_fallback(i).value_or(0);
  }
}

void PutLayout::place_rest() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    SlotLayout& slot = slots_[i];
    if (slot.hint_at != 0) continue;
    for (MemberNumber member : members_of(plan_->list.slots[i])) {
      if (slot.direct.contains(member)) continue;
      if (plan_->candidate(member).up) {
        slot.direct.push_back(member);
        use(member);
      } else {
        slot.owed.push_back(member);
      }
    }
  }
}

std::vector<MemberNumber> PutLayout::owed() const {
  std::vector<MemberNumber> owed;
  for (const SlotLayout& slot : slots_) {
    owed.insert(owed.end(), slot.owed.begin(), slot.owed.end());
  }
  return owed;
}

size_t PutLayout::reachable() const {
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(),
                    [](const SlotLayout& slot) { return slot.hint_at != 0 || slot.owed.empty(); }));
}

bool PutLayout::is_free(const Candidate& candidate) const {
  return candidate.live && std::find(used_.begin(), used_.end(), candidate.member) == used_.end() &&
         std::find(hosts_used_.begin(), hosts_used_.end(), candidate.host) == hosts_used_.end();
}

std::optional<MemberNumber> PutLayout::take_fallback(size_t slot) {
  if (!terms_.hints_count) return std::nullopt;
  const uint32_t dc = plan_->candidate(plan_->list.slots[slot].owner).dc;
  for (bool same_dc : {true, false}) {
    for (MemberNumber member : plan_->list.fallbacks) {
      const Candidate& candidate = plan_->candidate(member);
      if ((candidate.dc == dc) != same_dc || !is_free(candidate)) continue;
      use(member);
      return member;
    }
  }
  return std::nullopt;
}

size_t PutLayout::fallbacks_left() const {
  if (!terms_.hints_count) return 0;
  const auto& fallbacks = plan_->list.fallbacks;
  return static_cast<size_t>(
      std::count_if(fallbacks.begin(), fallbacks.end(),
                    [this](MemberNumber m) { return is_free(plan_->candidate(m)); }));
}

}  // namespace kv
