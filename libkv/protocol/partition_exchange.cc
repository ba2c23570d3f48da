#include "libkv/protocol/partition_exchange.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

PartitionExchange::PartitionExchange(PartitionKey partition, MemberNumber self, MemberNumber peer,
                                     Epoch epoch, RepairRequestIds* ids, Settings settings,
                                     Instant now, RepairActions* actions)
    : partition_(partition),
      peer_(peer),
      epoch_(epoch),
      ids_(ids),
      settings_(settings),
      last_answer_(now),
      sides_{{self, {}, {}, {}}, {peer, {}, {}, {}}} {
  for (Side& side : sides_) ask(side, msg::TreeLeaves{0, epoch_, partition_}, actions);
}

template <typename M>
void PartitionExchange::ask(Side& side, M message, RepairActions* actions) {
  message.id = ids_->next();
  awaited_[message.id] = static_cast<int>(&side - sides_);
  actions->sends.push_back({side.member, std::move(message)});
}

PartitionExchange::Side* PartitionExchange::side_of(msg::RequestId id) {
  const auto found = awaited_.find(id);
  if (found == awaited_.end() || state_ != State::running) return nullptr;
  Side* side = &sides_[found->second];
  awaited_.erase(found);
  return side;
}

void PartitionExchange::on_tick(Instant now) {
  if (state_ == State::running && now - last_answer_ > settings_.answer_timeout)
    state_ = State::failed;
}

void PartitionExchange::on_leaves(const msg::TreeLeavesTold& answer, Instant now,
                                  RepairActions* actions) {
  Side* side = side_of(answer.id);
  if (side == nullptr) return;
  last_answer_ = now;
  if (answer.answer != Answer::ok) {
    state_ = State::failed;
    return;
  }
  side->leaves = answer.leaves;
  if (sides_[0].leaves && sides_[1].leaves) compare_leaves(actions);
}

void PartitionExchange::compare_leaves(RepairActions* actions) {
  const auto& a = *sides_[0].leaves;
  const auto& b = *sides_[1].leaves;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].first < b[j].first)) {
      differing_leaves_.push_back(a[i++].first);
    } else if (i == a.size() || b[j].first < a[i].first) {
      differing_leaves_.push_back(b[j++].first);
    } else {
      if (a[i].second != b[j].second) differing_leaves_.push_back(a[i].first);
      ++i;
      ++j;
    }
  }
  if (differing_leaves_.empty()) {
    state_ = State::equal;
  } else {
    ask_keys(actions);
  }
}

void PartitionExchange::ask_keys(RepairActions* actions) {
  for (Side& side : sides_) {
    side.keys.reset();
    msg::LeafKeys keys;
    keys.epoch = epoch_;
    keys.partition = partition_;
    keys.leaves = differing_leaves_;
    keys.after_keyspace = after_.first;
    keys.after = after_.second;
    keys.keys_max = settings_.keys_per_page;
    ask(side, std::move(keys), actions);
  }
}

void PartitionExchange::on_keys(msg::LeafKeysTold answer, Instant now, RepairActions* actions) {
  Side* side = side_of(answer.id);
  if (side == nullptr) return;
  last_answer_ = now;
  if (answer.answer != Answer::ok || (answer.more && answer.keys.empty())) {
    state_ = State::failed;
    return;
  }
  side->keys = std::move(answer);
  if (sides_[0].keys && sides_[1].keys) compare_keys(actions);
}

void PartitionExchange::compare_keys(RepairActions* actions) {
  const auto name_of = [](const msg::KeyDigest& key) {
    return std::make_pair(key.keyspace, key.key.view());
  };
  // Both lists are complete only up to the smaller of the last keys of those that go on.
  const auto& a = sides_[0].keys->keys;
  const auto& b = sides_[1].keys->keys;
  more_keys_ = false;
  std::pair<KeyspaceId, BytesView> end;
  for (const Side& side : sides_) {
    if (!side.keys->more) continue;
    const auto last = name_of(side.keys->keys.back());
    end = more_keys_ ? std::min(end, last) : last;
    more_keys_ = true;
  }
  const auto inside = [&](const msg::KeyDigest& key) { return !more_keys_ || name_of(key) <= end; };
  size_t i = 0;
  size_t j = 0;
  while (true) {
    const bool has_a = i < a.size() && inside(a[i]);
    const bool has_b = j < b.size() && inside(b[j]);
    if (!has_a && !has_b) break;
    if (!has_b || (has_a && name_of(a[i]) < name_of(b[j]))) {
      to_fetch_.push_back({a[i].keyspace, a[i].key});
      ++i;
    } else if (!has_a || name_of(b[j]) < name_of(a[i])) {
      to_fetch_.push_back({b[j].keyspace, b[j].key});
      ++j;
    } else {
      if (a[i].digest != b[j].digest) to_fetch_.push_back({a[i].keyspace, a[i].key});
      ++i;
      ++j;
    }
  }
  if (more_keys_) page_end_ = {end.first, std::string(end.second)};
  fetch_next(actions);
}

void PartitionExchange::fetch_next(RepairActions* actions) {
  if (to_fetch_.empty()) {
    if (more_keys_) {
      after_ = page_end_;
      ask_keys(actions);
    } else {
      state_ = failed_once_ ? State::failed : State::equal;
    }
    return;
  }
  const size_t count = std::min<size_t>(to_fetch_.size(), settings_.records_per_fetch);
  const auto from = to_fetch_.end() - static_cast<std::ptrdiff_t>(count);
  fetching_.assign(from, to_fetch_.end());
  to_fetch_.erase(from, to_fetch_.end());
  for (Side& side : sides_) {
    side.fetched.reset();
    ask(side, msg::Fetch{0, epoch_, fetching_}, actions);
  }
}

void PartitionExchange::on_fetched(msg::Fetched answer, Instant now, RepairActions* actions) {
  Side* side = side_of(answer.id);
  if (side == nullptr) return;
  last_answer_ = now;
  if (answer.answer != Answer::ok || answer.records.size() != fetching_.size()) {
    state_ = State::failed;
    return;
  }
  side->fetched = std::move(answer);
  if (sides_[0].fetched && sides_[1].fetched) merge_fetched(actions);
}

void PartitionExchange::merge_fetched(RepairActions* actions) {
  for (size_t i = 0; i < fetching_.size(); ++i) {
    const msg::FetchedRecord& mine = sides_[0].fetched->records[i];
    const msg::FetchedRecord& theirs = sides_[1].fetched->records[i];
    // A record that one side cannot read is neither repaired from nor taken for absent.
    // Nor are records of two kinds ever made equal: one of the two is not what it should be.
    if (mine.answer != Answer::ok || theirs.answer != Answer::ok ||
        !may_merge(mine.record, theirs.record)) {
      failed_once_ = true;
      continue;
    }
    const Round round = std::min(mine.round, theirs.round);
    const Record merged = merge(mine.record, theirs.record);
    if (!(merged == mine.record))
      send_merge(sides_[0], fetching_[i], theirs.record, round, actions);
    if (!(merged == theirs.record))
      send_merge(sides_[1], fetching_[i], mine.record, round, actions);
  }
  if (merges_waiting_ == 0) fetch_next(actions);
}

void PartitionExchange::send_merge(Side& to, const msg::KeyName& name, const Record& record,
                                   Round round, RepairActions* actions) {
  msg::Merge merge;
  merge.epoch = epoch_;
  merge.time_left = settings_.answer_timeout;
  merge.keyspace = name.keyspace;
  merge.key = name.key;
  merge.record = record;
  merge.round = round;
  ask(to, std::move(merge), actions);
  ++merges_waiting_;
  ++records_moved_;
}

void PartitionExchange::on_merged(const msg::Merged& answer, Instant now, RepairActions* actions) {
  if (side_of(answer.id) == nullptr) return;
  last_answer_ = now;
  KV_ASSERT(merges_waiting_ > 0);
  if (answer.answer != Answer::ok) failed_once_ = true;
  if (--merges_waiting_ == 0) fetch_next(actions);
}

}  // namespace kv
