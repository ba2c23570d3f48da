#include "libkv/protocol/routing.h"

#include <algorithm>
#include <tuple>

namespace kv {

namespace {

// A profile of fewer answers is looked at anew with each, an older one with every sixteenth.
constexpr uint32_t kYoungSamples = 64;
constexpr unsigned kNotesToPace = 16;

}  // namespace

Routing::Routing(MemberNumber own_member, const RoutingSettings& settings)
    : own_member_(own_member), settings_(settings) {}

void Routing::number_labels(const ClusterMap& map) {
  std::map<std::string, uint32_t> dcs;
  std::map<std::string, uint32_t> hosts;
  uint32_t next_host = 0;
  for (const MemberInfo& info : map.members) {
    const auto [at, is_new] = opinions_.try_emplace(info.number);
    Opinion& opinion = at->second;
    if (is_new) opinion.pace = pace_of(opinion);
    const auto dc = dcs.emplace(info.labels.dc, static_cast<uint32_t>(dcs.size()));
    opinion.dc = dc.first->second;
    if (info.labels.host.empty()) {
      opinion.host = next_host++;
    } else {
      const auto host = hosts.emplace(info.labels.host, next_host);
      if (host.second) ++next_host;
      opinion.host = host.first->second;
    }
    if (info.number == own_member_) own_dc_ = opinion.dc;
  }
}

void Routing::on_view(const View& view) {
  if (!view.map) return;
  for (auto it = opinions_.begin(); it != opinions_.end();) {
    it = view.map->member(it->first) == nullptr ? opinions_.erase(it) : std::next(it);
  }
  number_labels(*view.map);
  dcs_up_.clear();
  for (auto& [member, opinion] : opinions_) {
    const bool up = view.is_up(member, DaemonKind::node);
    // One that has come back is tried at once.
    if (up && !opinion.up) {
      opinion.timeouts = 0;
      opinion.back_off = Duration::zero();
      opinion.back_off_until = Instant();
    }
    if (up != opinion.up) opinion.heard_until = Instant();
    opinion.up = up;
    if (up) dcs_up_.insert(opinion.dc);
  }
}

void Routing::note_timeout(Opinion& opinion, Instant now) const {
  // Requests that were under way together time out together: they are one observation.
  if (now < opinion.back_off_until) return;
  if (++opinion.timeouts < settings_.timeouts_to_back_off) return;
  opinion.back_off =
      std::clamp(opinion.back_off * 2, settings_.back_off_min, settings_.back_off_max);
  opinion.back_off_until = now + opinion.back_off;
}

void Routing::note(const MemberNote& note, Instant now) {
  const auto found = opinions_.find(note.member);
  if (found == opinions_.end()) return;
  Opinion& opinion = found->second;
  if (note.kind == MemberNote::Kind::timed_out) {
    opinion.heard_until = Instant();
    note_timeout(opinion, now);
    return;
  }
  const bool durable = note.kind == MemberNote::Kind::answered_durable;
  LatencyProfile& profile = durable ? opinion.durable_answers : opinion.answers;
  profile.add(note.latency);
  const bool is_young = profile.samples() < kYoungSamples;
  if (is_young || ++opinion.notes % kNotesToPace == 0) opinion.pace = pace_of(opinion);
  opinion.timeouts = 0;
  opinion.back_off = Duration::zero();
  opinion.back_off_until = Instant();
  if (!opinion.up) opinion.heard_until = now + settings_.heard_for;
}

Routing::Pace Routing::pace_of(const Opinion& opinion) const {
  const auto percentile = [this](const LatencyProfile& profile, unsigned percent) {
    return profile.percentile(percent, settings_.latency_unknown);
  };
  const auto patience = [&](const LatencyProfile& profile) {
    return std::clamp(percentile(profile, 99) * 4, settings_.patience_min, settings_.patience_max);
  };
  Pace pace;
  pace.quick = percentile(opinion.answers, 50);
  pace.hedge_after =
      std::clamp(percentile(opinion.answers, 95), settings_.hedge_min, settings_.hedge_max);
  pace.patience = patience(opinion.answers);
  pace.durable_patience = patience(opinion.durable_answers);
  return pace;
}

Candidate Routing::candidate(MemberNumber member, Instant now) const {
  Candidate candidate;
  candidate.member = member;
  const auto found = opinions_.find(member);
  if (found == opinions_.end()) return candidate;
  const Opinion& opinion = found->second;
  candidate.up = opinion.up || now < opinion.heard_until;
  candidate.live = candidate.up && now >= opinion.back_off_until;
  candidate.near = opinion.dc == own_dc_;
  candidate.dc_down = !candidate.up && dcs_up_.count(opinion.dc) == 0;
  candidate.dc = opinion.dc;
  candidate.host = opinion.host;
  candidate.quick = opinion.pace.quick;
  candidate.hedge_after = opinion.pace.hedge_after;
  candidate.patience = opinion.pace.patience;
  candidate.durable_patience = opinion.pace.durable_patience;
  if (!candidate.up) {
    candidate.patience = candidate.durable_patience = settings_.patience_not_up;
  }
  return candidate;
}

void sort_for_reading(std::vector<Candidate>* candidates) {
  const auto rank = [](const Candidate& c) {
    return std::make_tuple(!c.up, !c.live, !c.near, c.quick);
  };
  std::stable_sort(candidates->begin(), candidates->end(),
                   [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); });
}

}  // namespace kv
