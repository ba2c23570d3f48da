#include "libkv/protocol/anti_entropy.h"

#include <algorithm>
#include <set>

namespace kv {

AntiEntropy::AntiEntropy(MemberNumber self, RepairRequestIds ids, Settings settings, uint64_t seed)
    : self_(self), ids_(ids), settings_(settings), random_(seed) {}

std::set<MemberNumber> AntiEntropy::other_slots(const PartitionKey& partition) const {
  std::set<MemberNumber> members;
  const PartitionRow* row = view_.map ? view_.map->row(partition) : nullptr;
  if (row == nullptr) return members;
  for (const Slot& slot : row->slots) {
    members.insert(slot.owner);
    if (slot.successor != 0) members.insert(slot.successor);
  }
  members.erase(self_);
  return members;
}

std::map<MemberNumber, std::vector<PartitionKey>> AntiEntropy::shared() const {
  std::map<MemberNumber, std::vector<PartitionKey>> by_peer;
  if (!view_.map) return by_peer;
  for (const Placement& placement : view_.map->placements) {
    for (PartitionId p = 0; p < placement.table.size(); ++p) {
      const auto& slots = placement.table[p].slots;
      const bool own = std::any_of(slots.begin(), slots.end(), [&](const Slot& slot) {
        return slot.owner == self_ || slot.successor == self_;
      });
      if (!own) continue;
      const PartitionKey partition{placement.id, p};
      for (const MemberNumber peer : other_slots(partition)) by_peer[peer].push_back(partition);
    }
  }
  return by_peer;
}

void AntiEntropy::on_view(const View& view, Instant now, RepairActions* actions) {
  const bool map_changed = view.epoch() != view_.epoch();
  for (const auto& [member, state] : view.liveness) {
    const bool returned = state.is_up(DaemonKind::node) && !view_.is_up(member, DaemonKind::node);
    if (returned || map_changed) compare_at_[member] = now;
  }
  view_ = view;
  on_tick(now, actions);
}

void AntiEntropy::on_tick(Instant now, RepairActions* actions) {
  wake_ = now + settings_.interval;
  if (!view_.map || !view_.is_up(self_, DaemonKind::node)) {
    wake_ = now + 500ms;
    return;
  }
  ask_owed(now, actions);
  for (auto it = comparing_.begin(); it != comparing_.end();)
    it = now - it->second.asked > settings_.answer_timeout ? comparing_.erase(it) : std::next(it);
  for (const auto& [peer, partitions] : shared()) {
    if (!view_.is_up(peer, DaemonKind::node) || comparing_.count(peer) != 0) continue;
    Instant& at = compare_at_[peer];
    if (now < at) {
      wake_ = std::min(wake_, at);
      continue;
    }
    // A quarter of chance keeps members from comparing in step.
    const auto spread = static_cast<uint64_t>(settings_.interval.count() / 4) + 1;
    at = now + settings_.interval + Duration(static_cast<int64_t>(random_.below(spread)));
    compare_with(peer, partitions, now, actions);
  }
  for (Running& running : running_) running.exchange->on_tick(now);
  reap(now, actions);
  pump(now, actions);
  const Instant owed_due = owed_id_ != 0 ? owed_at_ + settings_.answer_timeout : ask_owed_at_;
  wake_ = std::min({wake_, owed_due, now + settings_.answer_timeout / 4});
}

void AntiEntropy::ask_owed(Instant now, RepairActions* actions) {
  if (owed_id_ != 0 && now - owed_at_ >= settings_.answer_timeout) owed_id_ = 0;
  if (owed_id_ != 0 || now < ask_owed_at_) return;
  ask_owed_at_ = now + settings_.owed_interval;
  owed_at_ = now;
  owed_id_ = ids_.next();
  actions->sends.push_back({self_, msg::OwedList{owed_id_}});
}

void AntiEntropy::on_owed(const msg::OwedTold& answer, Instant now, RepairActions* actions) {
  if (answer.id != owed_id_) return;
  owed_id_ = 0;
  if (answer.answer != Answer::ok) return;
  std::map<Pair, Debt> debts;
  for (const msg::OwedRepair& owed : answer.owed) {
    const Pair pair{owed.partition, owed.member};
    const auto known = debts_.find(pair);
    const bool same = known != debts_.end() && known->second.mark == owed.mark;
    debts[pair] = {owed.mark, same ? known->second.since : now};
    enqueue_debt(pair, debts[pair].since);
  }
  debts_ = std::move(debts);
  std::map<PartitionKey, Instant> refilling;
  for (const PartitionKey& partition : answer.refilling) {
    const auto known = refilling_.find(partition);
    refilling[partition] = known != refilling_.end() ? known->second : now;
    for (const MemberNumber peer : other_slots(partition)) {
      const Task task{partition, self_, peer};
      if (!is_equal_since(task, refilling[partition])) enqueue(task, true);
    }
  }
  refilling_ = std::move(refilling);
  // What a comparison of roots has found equal meanwhile needs no exchange, and is told here.
  for (const msg::OwedRepair& owed : answer.owed) pay_debts(owed.partition, actions);
  for (const PartitionKey& partition : answer.refilling) tell_if_level(partition, actions);
  pump(now, actions);
}

void AntiEntropy::compare_with(MemberNumber peer, const std::vector<PartitionKey>& partitions,
                               Instant now, RepairActions* actions) {
  ++counters_.comparisons;
  Comparison& comparison = comparing_[peer];
  comparison = Comparison{};
  comparison.asked = now;
  comparison.own_id = ids_.next();
  comparison.peer_id = ids_.next();
  actions->sends.push_back({self_, msg::TreeRoots{comparison.own_id, view_.epoch(), partitions}});
  actions->sends.push_back({peer, msg::TreeRoots{comparison.peer_id, view_.epoch(), partitions}});
}

void AntiEntropy::on_roots(const msg::TreeRootsTold& answer, Instant now, RepairActions* actions) {
  for (auto& [peer, comparison] : comparing_) {
    const bool own = answer.id == comparison.own_id;
    if (!own && answer.id != comparison.peer_id) continue;
    (own ? comparison.own_told : comparison.peer_told) = true;
    auto& roots = own ? comparison.own : comparison.theirs;
    for (const msg::TreeRoot& root : answer.roots) roots[root.partition] = root.root;
    if (comparison.own_told && comparison.peer_told) finish_comparison(peer);
    break;
  }
  pump(now, actions);
}

void AntiEntropy::finish_comparison(MemberNumber peer) {
  const Comparison comparison = std::move(comparing_[peer]);
  comparing_.erase(peer);
  for (const auto& [partition, root] : comparison.own) {
    const auto theirs = comparison.theirs.find(partition);
    if (theirs == comparison.theirs.end()) continue;
    if (theirs->second == root) {
      equal_at_[{partition, self_, peer}] = comparison.asked;
    } else {
      enqueue({partition, self_, peer}, false);
    }
  }
}

bool AntiEntropy::is_slot(const PartitionKey& partition) const {
  const PartitionRow* row = view_.map ? view_.map->row(partition) : nullptr;
  return row != nullptr && std::any_of(row->slots.begin(), row->slots.end(), [&](const Slot& slot) {
           return slot.owner == self_ || slot.successor == self_;
         });
}

/// The comparisons that pay a debt: with the own copy, or, having none, with every other slot's.
void AntiEntropy::enqueue_debt(const Pair& debt, Instant since) {
  const auto& [partition, owed_to] = debt;
  if (is_slot(partition)) return enqueue({partition, self_, owed_to}, true);
  for (const MemberNumber member : other_slots(partition)) {
    const Task task{partition, member, owed_to};
    if (member != owed_to && !is_equal_since(task, since)) enqueue(task, true);
  }
}

void AntiEntropy::enqueue(const Task& task, bool urgent) {
  for (const Running& running : running_)
    if (running.task == task) return;
  if (!queued_.insert(task).second) return;
  if (urgent) {
    queue_.push_front(task);
  } else {
    queue_.push_back(task);
  }
}

void AntiEntropy::pump(Instant now, RepairActions* actions) {
  for (size_t tries = queue_.size(); tries > 0 && running_.size() < settings_.exchanges_max;
       --tries) {
    const Task task = queue_.front();
    queue_.pop_front();
    queued_.erase(task);
    // A peer that is away is compared again when it returns; a debt is listed again.
    if (!view_.is_up(task.one, DaemonKind::node) || !view_.is_up(task.other, DaemonKind::node))
      continue;
    if (other_slots(task.partition).count(task.other) == 0) continue;
    ++counters_.exchanges;
    running_.push_back(
        {std::make_unique<PartitionExchange>(task.partition, task.one, task.other, view_.epoch(),
                                             &ids_, settings_.exchange, now, actions),
         task, now});
  }
}

PartitionExchange* AntiEntropy::awaiting(msg::RequestId id) {
  for (Running& running : running_)
    if (running.exchange->awaits(id)) return running.exchange.get();
  return nullptr;
}

void AntiEntropy::on_leaves(const msg::TreeLeavesTold& answer, Instant now,
                            RepairActions* actions) {
  if (PartitionExchange* exchange = awaiting(answer.id)) exchange->on_leaves(answer, now, actions);
  reap(now, actions);
}

void AntiEntropy::on_keys(msg::LeafKeysTold answer, Instant now, RepairActions* actions) {
  if (PartitionExchange* exchange = awaiting(answer.id))
    exchange->on_keys(std::move(answer), now, actions);
  reap(now, actions);
}

void AntiEntropy::on_fetched(msg::Fetched answer, Instant now, RepairActions* actions) {
  if (PartitionExchange* exchange = awaiting(answer.id))
    exchange->on_fetched(std::move(answer), now, actions);
  reap(now, actions);
}

void AntiEntropy::on_merged(const msg::Merged& answer, Instant now, RepairActions* actions) {
  if (PartitionExchange* exchange = awaiting(answer.id)) exchange->on_merged(answer, now, actions);
  reap(now, actions);
}

void AntiEntropy::reap(Instant now, RepairActions* actions) {
  for (size_t i = 0; i < running_.size();) {
    if (running_[i].exchange->state() == PartitionExchange::State::running) {
      ++i;
      continue;
    }
    const Running ended = std::move(running_[i]);
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
    counters_.records_moved += ended.exchange->records_moved();
    if (ended.exchange->state() == PartitionExchange::State::failed) {
      ++counters_.failed;
      continue;
    }
    equal_at_[ended.task] = ended.began;
    pay_debts(ended.task.partition, actions);
    tell_if_level(ended.task.partition, actions);
  }
  pump(now, actions);
}

bool AntiEntropy::is_equal_since(const Task& task, Instant since) const {
  const auto equal = equal_at_.find(task);
  return equal != equal_at_.end() && equal->second >= since;
}

void AntiEntropy::pay_debts(const PartitionKey& partition, RepairActions* actions) {
  const bool own = is_slot(partition);
  msg::OwedPaid paid;
  for (auto it = debts_.lower_bound({partition, 0});
       it != debts_.end() && it->first.first == partition;) {
    const MemberNumber owed_to = it->first.second;
    const Instant since = it->second.since;
    bool equal = true;
    if (own) {
      equal = is_equal_since({partition, self_, owed_to}, since);
    } else {
      for (const MemberNumber member : other_slots(partition))
        equal = equal && (member == owed_to || is_equal_since({partition, member, owed_to}, since));
    }
    if (equal) paid.paid.push_back({partition, owed_to, it->second.mark});
    it = equal ? debts_.erase(it) : std::next(it);
  }
  if (paid.paid.empty()) return;
  counters_.debts_paid += paid.paid.size();
  paid.id = ids_.next();
  paid.epoch = view_.epoch();
  actions->sends.push_back({self_, std::move(paid)});
}

void AntiEntropy::tell_if_level(const PartitionKey& partition, RepairActions* actions) {
  const auto refilling = refilling_.find(partition);
  if (refilling == refilling_.end()) return;
  // Level with every other slot, not only with those that are up: an acknowledged write may
  // stand on any W-1 of them.
  for (const MemberNumber peer : other_slots(partition)) {
    if (!is_equal_since({partition, self_, peer}, refilling->second)) return;
  }
  msg::OwedPaid level;
  level.id = ids_.next();
  level.epoch = view_.epoch();
  level.level.push_back(partition);
  actions->sends.push_back({self_, std::move(level)});
  refilling_.erase(refilling);
}

size_t AntiEntropy::shared_partitions() const {
  std::set<PartitionKey> all;
  for (const auto& [peer, partitions] : shared()) all.insert(partitions.begin(), partitions.end());
  return all.size();
}

std::map<PartitionKey, Instant> AntiEntropy::proven_equal() const {
  std::map<PartitionKey, Instant> proven;
  for (const auto& [peer, partitions] : shared()) {
    for (const PartitionKey& partition : partitions) {
      Instant oldest = Instant::max();
      bool all = true;
      for (const MemberNumber other : other_slots(partition)) {
        const auto equal = equal_at_.find({partition, self_, other});
        if (equal == equal_at_.end()) {
          all = false;
        } else {
          oldest = std::min(oldest, equal->second);
        }
      }
      if (all) proven[partition] = oldest;
    }
  }
  return proven;
}

}  // namespace kv
