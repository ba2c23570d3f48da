#include "libkv/model/placement_exchange.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

namespace {

using Index = PlacementLabels::Index;
using Row = PlacementExchange::Row;

constexpr uint64_t kSeed =
    0x6b76'7461'626c'65;  // A constant: the table must be the same each time.
constexpr size_t kMixesPerSlot = 10;
constexpr Index kNobody = std::numeric_limits<Index>::max();
constexpr int kFar = std::numeric_limits<int>::max() / 2;

bool contains(const Row& row, Index member) {
  return std::find(row.begin(), row.end(), member) != row.end();
}

}  // namespace

std::vector<Row> PlacementExchange::deal(const PlacementLabels& labels, uint32_t partitions,
                                         const std::vector<uint32_t>& shares) {
  std::vector<Row> rows(partitions);
  size_t next = 0;
  for (Index member = 0; member < labels.size(); ++member) {
    for (uint32_t i = 0; i < shares[member]; ++i) rows[next++ % partitions].push_back(member);
  }
  Random random(kSeed);
  for (size_t i = 0; i < kMixesPerSlot * next; ++i) {
    Row& one = rows[random.below(partitions)];
    Row& other = rows[random.below(partitions)];
    const size_t at = random.below(labels.copies());
    const size_t other_at = random.below(labels.copies());
    if (contains(one, other[other_at]) || contains(other, one[at])) continue;
    if (!labels.may_exchange(one, at, other[other_at])) continue;
    if (!labels.may_exchange(other, other_at, one[at])) continue;
    std::swap(one[at], other[other_at]);
  }
  return rows;
}

PlacementExchange::PlacementExchange(const PlacementLabels& labels, std::vector<Row> present,
                                     std::vector<uint32_t> shares)
    : labels_(labels),
      present_(std::move(present)),
      shares_(std::move(shares)),
      rows_(present_.size()),
      held_(labels.size()),
      rows_of_(labels.size()),
      offers_(labels.size() * labels.size()),
      random_(kSeed) {
  // First keep everything that may stay, so that completing knows who still has too few.
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (const Index member : present_[i]) {
      if (!labels_.may_add(rows_[i], member)) continue;
      rows_[i].push_back(member);
      ++held_[member];
    }
  }
  for (size_t i = 0; i < rows_.size(); ++i) complete(&rows_[i], present_[i]);
  for (size_t i = 0; i < rows_.size(); ++i) {
    for (const Index member : rows_[i]) rows_of_[member].push_back(static_cast<uint32_t>(i));
    count_offers(i, +1);
  }
}

// Adds those who are furthest below their share; the present ones could not stay.
void PlacementExchange::complete(Row* row, const Row& present) {
  while (row->size() < labels_.copies()) {
    std::optional<Index> best;
    int64_t best_lack = 0;
    const auto start = static_cast<Index>(random_.below(labels_.size()));
    for (size_t i = 0; i < labels_.size(); ++i) {
      const auto member = static_cast<Index>((start + i) % labels_.size());
      const int64_t lack = int64_t{shares_[member]} - held_[member];
      if (best && lack <= best_lack) continue;
      if (contains(*row, member) || contains(present, member)) continue;
      if (!labels_.may_add(*row, member)) continue;
      best = member;
      best_lack = lack;
    }
    // The bounds are those of a matroid's bases, so what can be completed can be so by one more.
    KV_ASSERT(best.has_value());
    row->push_back(*best);
    ++held_[*best];
  }
}

int PlacementExchange::cost_of(size_t row, Index from, Index to) const {
  return (contains(present_[row], to) ? 0 : 1) - (contains(present_[row], from) ? 0 : 1);
}

void PlacementExchange::count_offers(size_t row, int sign) {
  const Row& held = rows_[row];
  for (Index to = 0; to < labels_.size(); ++to) {
    if (contains(held, to)) continue;
    for (size_t at = 0; at < held.size(); ++at) {
      if (!labels_.may_exchange(held, at, to)) continue;
      auto& offer = offers_[held[at] * labels_.size() + to];
      offer[static_cast<size_t>(cost_of(row, held[at], to) + 1)] += static_cast<uint32_t>(sign);
    }
  }
}

std::optional<int> PlacementExchange::cheapest_offer(Index from, Index to) const {
  const auto& offer = offers_[from * labels_.size() + to];
  for (int cost = -1; cost <= 1; ++cost) {
    if (offer[static_cast<size_t>(cost + 1)] > 0) return cost;
  }
  return std::nullopt;
}

bool PlacementExchange::exchange(Index from, Index to, int cost) {
  auto& candidates = rows_of_[from];
  if (candidates.empty()) return false;
  // From a random row on: a newcomer's slots then come from all over.
  const size_t start = random_.below(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const size_t candidate = (start + i) % candidates.size();
    const uint32_t index = candidates[candidate];
    Row& row = rows_[index];
    const auto at = static_cast<size_t>(std::find(row.begin(), row.end(), from) - row.begin());
    if (contains(row, to) || cost_of(index, from, to) != cost) continue;
    if (!labels_.may_exchange(row, at, to)) continue;
    count_offers(index, -1);
    row[at] = to;
    count_offers(index, +1);
    candidates[candidate] = candidates.back();
    candidates.pop_back();
    rows_of_[to].push_back(index);
    --held_[from];
    ++held_[to];
    return true;
  }
  return false;
}

// Bellman and Ford from the sources at once, until nothing gets cheaper.
PlacementExchange::Paths PlacementExchange::cheapest_paths(std::vector<Index> sources) const {
  const size_t count = labels_.size();
  Paths paths{std::vector<int>(count, kFar), std::vector<Index>(count, kNobody)};
  for (const Index source : sources) paths.distance[source] = 0;
  for (size_t round = 0; round < count && !sources.empty(); ++round) {
    std::vector<Index> improved;
    std::vector<char> listed(count, 0);
    for (const Index from : sources) {
      for (Index to = 0; to < count; ++to) {
        const auto cost = cheapest_offer(from, to);
        if (!cost || paths.distance[from] + *cost >= paths.distance[to]) continue;
        paths.distance[to] = paths.distance[from] + *cost;
        paths.before[to] = from;
        if (!std::exchange(listed[to], 1)) improved.push_back(to);
      }
    }
    sources = std::move(improved);
  }
  return paths;
}

// The chain that leads to `end`. If it comes back to itself, the cycle: it saves moves as it is.
std::vector<Index> PlacementExchange::chain_to(Index end, const Paths& paths) {
  std::vector<Index> chain = {end};
  while (paths.before[chain.back()] != kNobody) {
    const Index previous = paths.before[chain.back()];
    const auto met = std::find(chain.begin(), chain.end(), previous);
    const bool is_cycle = met != chain.end();
    if (is_cycle) chain.erase(chain.begin(), met);
    chain.push_back(previous);
    if (is_cycle) break;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

// From a member with too many to one with too few.
std::vector<Index> PlacementExchange::settling_chain() const {
  std::vector<Index> sources;
  for (Index i = 0; i < labels_.size(); ++i) {
    if (held_[i] > shares_[i]) sources.push_back(i);
  }
  const Paths paths = cheapest_paths(std::move(sources));
  Index end = kNobody;
  for (Index i = 0; i < labels_.size(); ++i) {
    const bool lacks = held_[i] < shares_[i] && paths.distance[i] < kFar;
    if (lacks && (end == kNobody || paths.distance[i] < paths.distance[end])) end = i;
  }
  return end == kNobody ? std::vector<Index>() : chain_to(end, paths);
}

// A cycle that leaves all numbers as they are and saves moves. Empty if there is none.
std::vector<Index> PlacementExchange::saving_cycle() const {
  std::vector<Index> all(labels_.size());
  std::iota(all.begin(), all.end(), Index{0});
  const Paths paths = cheapest_paths(all);
  for (const Index end : all) {
    std::vector<Index> chain = chain_to(end, paths);
    if (chain.size() > 1 && chain.front() == chain.back()) return chain;
  }
  return {};
}

bool PlacementExchange::follow(const std::vector<Index>& chain) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    const auto cost = cheapest_offer(chain[i], chain[i + 1]);
    if (!cost || !exchange(chain[i], chain[i + 1], *cost)) return false;
  }
  return true;
}

bool PlacementExchange::settle() {
  size_t excess = 0;
  for (Index i = 0; i < labels_.size(); ++i) {
    excess += held_[i] > shares_[i] ? held_[i] - shares_[i] : 0;
  }
  // Each chain settles one slot or saves a move, unless its own steps get in each other's way by
  // sharing a row; that is rare, and leaves what another chain mends.
  for (size_t tries = 4 * excess + 100; tries > 0; --tries) {
    const std::vector<Index> chain = held_ == shares_ ? saving_cycle() : settling_chain();
    if (chain.empty()) break;
    follow(chain);
  }
  return held_ == shares_;
}

}  // namespace kv
