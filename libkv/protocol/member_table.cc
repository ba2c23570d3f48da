#include "libkv/protocol/member_table.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"

namespace kv {
namespace {

bool by_number(const MemberRow& row, MemberNumber member) {
  return row.member < member;
}

bool is_void(const msg::Suspicion& suspicion, const MemberRow& row) {
  return std::tie(suspicion.start, suspicion.counter) < std::tie(row.start, row.counter);
}

}  // namespace

uint32_t rumour_rounds(size_t members) {
  return 4 + 2 * static_cast<uint32_t>(std::bit_width(members));
}

bool MemberRow::is_suspected_by(MemberNumber suspecter) const {
  return std::any_of(suspicions.begin(), suspicions.end(), [&](const msg::Suspicion& suspicion) {
    return suspicion.suspecter == suspecter;
  });
}

const MemberRow* MemberTable::find(MemberNumber member) const {
  const auto found = std::lower_bound(rows_.begin(), rows_.end(), member, by_number);
  return found != rows_.end() && found->member == member ? &*found : nullptr;
}

MemberRow* MemberTable::find_row(MemberNumber member) {
  return const_cast<MemberRow*>(std::as_const(*this).find(member));
}

void MemberTable::on_map(const ClusterMap& map, Instant now) {
  std::map<std::pair<std::string, std::string>, uint32_t> places;
  std::vector<MemberRow> rows;
  for (const MemberInfo& info : map.members) {
    const auto next = static_cast<uint32_t>(places.size());
    const uint32_t place =
        places.try_emplace({info.labels.dc, info.labels.rack}, next).first->second;
    if (info.number == settings_.self) {
      own_place_ = place;
      continue;
    }
    MemberRow* known = find_row(info.number);
    MemberRow row = known != nullptr ? std::move(*known) : MemberRow{};
    if (known == nullptr) row.rose_at = now;
    row.member = info.number;
    row.place = place;
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [](const MemberRow& a, const MemberRow& b) { return a.member < b.member; });
  rows_ = std::move(rows);
  places_ = std::max(static_cast<uint32_t>(places.size()), own_place_ + 1);
  ++changes_;
  count_living();
}

void MemberTable::make_urgent(MemberRow& row) const {
  row.urgent = rumour_rounds(rows_.size() + 1);
}

void MemberTable::hear(const msg::HeartbeatRow& heard, MemberNumber from, Instant now) {
  MemberRow* row = find_row(heard.member);
  if (row == nullptr) return;
  const bool rose = std::tie(heard.start, heard.counter) > std::tie(row->start, row->counter);
  if (rose) rise(*row, heard, from == heard.member, now);
  bool accused = false;
  size_t taken = 0;
  for (const msg::Suspicion& suspicion : heard.suspicions) {
    if (++taken > settings_.suspicions_max) break;
    accused = add_suspicion(*row, suspicion) || accused;
  }
  if (accused) {
    ++suspicion_changes_;
    make_urgent(*row);
  }
  if (rose || accused) judge(*row, now);
}

void MemberTable::rise(MemberRow& row, const msg::HeartbeatRow& heard, bool direct, Instant now) {
  // Only steady life teaches: not the time before it was heard, nor an outage.
  const bool steady = row.risen && row.start == heard.start && row.liveness == Liveness::alive;
  if (steady) row.history.add(now - row.rose_at);
  if (row.start != heard.start || row.daemons_up != heard.daemons_up || !row.suspicions.empty()) {
    make_urgent(row);
  }
  if (row.daemons_up != heard.daemons_up) ++changes_;
  row.risen = row.risen || direct || row.was_heard();
  row.start = heard.start;
  row.counter = heard.counter;
  row.daemons_up = heard.daemons_up;
  row.rose_at = now;
  row.condemned_at = Instant::max();
  const size_t cleared = std::erase_if(
      row.suspicions, [&](const msg::Suspicion& suspicion) { return is_void(suspicion, row); });
  suspicion_changes_ += cleared;
}

// True if it is news. Where there is no room, one of a place that has another gives way.
bool MemberTable::add_suspicion(MemberRow& row, const msg::Suspicion& suspicion) {
  if (is_void(suspicion, row) || suspicion.suspecter == row.member) return false;
  for (msg::Suspicion& known : row.suspicions) {
    if (known.suspecter != suspicion.suspecter) continue;
    if (std::tie(suspicion.start, suspicion.counter) <= std::tie(known.start, known.counter)) {
      return false;
    }
    known = suspicion;
    return true;
  }
  const bool own = suspicion.suspecter == settings_.self;
  const MemberRow* suspecter = find(suspicion.suspecter);
  if (suspecter == nullptr && !own) return false;
  if (row.suspicions.size() < settings_.suspicions_max) {
    row.suspicions.push_back(suspicion);
    return true;
  }
  const uint32_t place = own ? own_place_ : suspecter->place;
  const bool new_place =
      std::none_of(row.suspicions.begin(), row.suspicions.end(), [&](const msg::Suspicion& known) {
        const MemberRow* other = find(known.suspecter);
        return (other != nullptr ? other->place : own_place_) == place;
      });
  if (!new_place && !own) return false;
  // The one at the back gives way, but never this member's own.
  msg::Suspicion& last = row.suspicions.back();
  (last.suspecter == settings_.self ? row.suspicions.front() : last) = suspicion;
  return true;
}

void MemberTable::forgive(Duration stalled, Instant now) {
  for (MemberRow& row : rows_) {
    row.rose_at = std::min(now, row.rose_at + stalled);
    if (row.condemned_at != Instant::max()) {
      row.condemned_at = std::min(now, row.condemned_at + stalled);
    }
  }
}

void MemberTable::judge_all(Instant now, double impatience) {
  count_living();
  for (MemberRow& row : rows_) {
    const auto patience =
        std::chrono::duration_cast<Duration>(row.history.patience(settings_.history) * impatience);
    if (now - row.rose_at > patience && !row.is_suspected_by(settings_.self)) {
      add_suspicion(row, {settings_.self, row.start, row.counter});
      ++suspicion_changes_;
      make_urgent(row);
    }
    if (!row.suspicions.empty() || row.liveness != Liveness::alive) judge(row, now);
  }
}

void MemberTable::count_living() {
  seen_places_.assign(places_, false);
  seen_places_[own_place_] = true;
  members_left_ = 1;
  for (const MemberRow& row : rows_) {
    if (row.liveness != Liveness::down) ++members_left_;
    if (row.liveness == Liveness::alive) seen_places_[row.place] = true;
  }
  places_left_ = static_cast<size_t>(std::count(seen_places_.begin(), seen_places_.end(), true));
}

void MemberTable::judge(MemberRow& row, Instant now) {
  const Liveness before = row.liveness;
  row.liveness = verdict(row, now);
  if (row.liveness == before) return;
  ++changes_;
  if (before == Liveness::down || row.liveness == Liveness::down) count_living();
}

Liveness MemberTable::verdict(MemberRow& row, Instant now) {
  if (row.suspicions.empty()) return row.risen ? Liveness::alive : Liveness::suspect;
  // Whoever is down stays so until it is heard, whatever becomes of its suspecters.
  if (row.liveness == Liveness::down) return Liveness::down;
  std::vector<uint32_t> places;
  bool own = false;
  for (const msg::Suspicion& suspicion : row.suspicions) {
    const bool mine = suspicion.suspecter == settings_.self;
    const MemberRow* suspecter = find(suspicion.suspecter);
    own = own || mine;
    if (mine) places.push_back(own_place_);
    if (suspecter != nullptr && suspecter->liveness == Liveness::alive) {
      places.push_back(suspecter->place);
    }
  }
  if (!is_condemned(row, places))
    row.condemned_at = Instant::max();
  else if (row.condemned_at == Instant::max())
    row.condemned_at = now;
  const bool condemned = row.condemned_at != Instant::max();
  if (condemned && now - row.condemned_at >= refutation_time()) return Liveness::down;
  const bool accused = own || places.size() >= 2 || !row.risen;
  return accused ? Liveness::suspect : Liveness::alive;
}

bool MemberTable::is_condemned(const MemberRow& row, const std::vector<uint32_t>& places) const {
  if (places.empty()) return false;
  if (KV_PLANTED(one_suspecter_is_enough)) return true;
  // A member that was never seen alive must be counted among the left ones, as it is not down.
  if (members_left_ <= 2 && row.liveness != Liveness::down) return true;
  if (places.size() < 2) return false;
  const bool differ = std::any_of(places.begin(), places.end(),
                                  [&](uint32_t place) { return place != places.front(); });
  return differ || places_left_ < 2;
}

Duration MemberTable::refutation_time() const {
  return limits::heartbeat_interval * rumour_rounds(rows_.size() + 1);
}

}  // namespace kv
