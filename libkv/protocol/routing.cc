#include "libkv/protocol/routing.h"

#include <algorithm>
#include <tuple>

namespace kv {

Routing::Routing(MemberNumber own_member, const RoutingSettings& settings)
    : own_member_(own_member), settings_(settings) {}

void Routing::number_labels(const ClusterMap& map) {
  std::map<std::string, uint32_t> dcs;
  std::map<std::string, uint32_t> hosts;
  uint32_t next_host = 0;
  for (const MemberInfo& info : map.members) {
    Opinion& opinion = opinions_[info.number];
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
  (durable ? opinion.durable_answers : opinion.answers).add(note.latency);
  opinion.timeouts = 0;
  opinion.back_off = Duration::zero();
  opinion.back_off_until = Instant();
  if (!opinion.up) opinion.heard_until = now + settings_.heard_for;
}

Candidate Routing::candidate(MemberNumber member, Instant now) const {
  Candidate candidate;
  candidate.member = member;
  const auto found = opinions_.find(member);
  if (found == opinions_.end()) return candidate;
  const Opinion& opinion = found->second;
  const auto patience = [this](const LatencyProfile& profile) {
    const Duration slow = profile.percentile(99, settings_.latency_unknown);
    return std::clamp(slow * 4, settings_.patience_min, settings_.patience_max);
  };
  candidate.up = opinion.up || now < opinion.heard_until;
  candidate.live = candidate.up && now >= opinion.back_off_until;
  candidate.near = opinion.dc == own_dc_;
  candidate.dc_down = !candidate.up && dcs_up_.count(opinion.dc) == 0;
  candidate.dc = opinion.dc;
  candidate.host = opinion.host;
  candidate.quick = opinion.answers.percentile(50, settings_.latency_unknown);
  candidate.hedge_after = std::clamp(opinion.answers.percentile(95, settings_.latency_unknown),
                                     settings_.hedge_min, settings_.hedge_max);
  candidate.patience = patience(opinion.answers);
  candidate.durable_patience = patience(opinion.durable_answers);
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
