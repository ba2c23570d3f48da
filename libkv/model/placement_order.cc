#include "libkv/model/placement_order.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <tuple>
#include <utility>

#include "libkv/base/random.h"

namespace kv {

namespace {

using Index = PlacementLabels::Index;
constexpr Index kNobody = std::numeric_limits<Index>::max();

bool contains(const PlacementRow& row, Index member) {
  return std::find(row.begin(), row.end(), member) != row.end();
}

class FirstSlots {
 public:
  FirstSlots(size_t members, std::vector<PlacementRow>* rows)
      : rows_(*rows), first_(members), slots_(members), rows_of_(members) {
    for (uint32_t i = 0; i < rows_.size(); ++i) {
      ++first_[rows_[i][0]];
      rows_of_[rows_[i][0]].push_back(i);
      for (const Index member : rows_[i]) ++slots_[member];
    }
  }

  void spread() {
    const auto above_most = [this](Index i) { return first_[i] > most(i); };
    const auto above_least = [this](Index i) { return first_[i] > least(i); };
    const auto below_most = [this](Index i) { return first_[i] < most(i); };
    const auto below_least = [this](Index i) { return first_[i] < least(i); };
    while (hand_on(above_most, below_least)) {
    }
    while (hand_on(above_most, below_most)) {
    }
    while (hand_on(above_least, below_least)) {
    }
  }

 private:
  size_t copies() const { return rows_[0].size(); }
  size_t least(Index i) const { return slots_[i] / copies(); }
  size_t most(Index i) const { return (slots_[i] + copies() - 1) / copies(); }

  // One first place goes from a member that has too many to one that lacks some, by the shortest
  // chain of rows, found breadth first. False if there is none.
  template <typename Rich, typename Poor>
  bool hand_on(Rich is_rich, Poor is_poor) {
    struct Step {
      Index from = kNobody;
      uint32_t row = 0;
    };
    std::vector<Step> steps(first_.size());
    std::vector<char> seen(first_.size(), 0);
    std::deque<Index> queue;
    for (Index i = 0; i < first_.size(); ++i) {
      if (!is_rich(i)) continue;
      seen[i] = 1;
      queue.push_back(i);
    }
    for (; !queue.empty(); queue.pop_front()) {
      const Index from = queue.front();
      for (const uint32_t row : rows_of_[from]) {
        for (const Index to : rows_[row]) {
          if (std::exchange(seen[to], 1)) continue;
          steps[to] = {from, row};
          queue.push_back(to);
          if (!is_poor(to)) continue;
          for (Index at = to; steps[at].from != kNobody; at = steps[at].from) {
            put_first(at, steps[at].row);
          }
          return true;
        }
      }
    }
    return false;
  }

  void put_first(Index member, uint32_t index) {
    PlacementRow& row = rows_[index];
    const Index before = row[0];
    std::swap(row[0], *std::find(row.begin(), row.end(), member));
    auto& left = rows_of_[before];
    left.erase(std::find(left.begin(), left.end(), index));
    rows_of_[member].push_back(index);
    --first_[before];
    ++first_[member];
  }

  std::vector<PlacementRow>& rows_;
  std::vector<size_t> first_;  ///< How many rows begin with the member.
  std::vector<size_t> slots_;
  std::vector<std::vector<uint32_t>> rows_of_;  ///< The rows that begin with the member.
};

class Fallbacks {
 public:
  explicit Fallbacks(const PlacementLabels& labels)
      : labels_(labels), load_(labels.size()), random_(labels.size()) {}

  PlacementRow choose(const PlacementRow& row, const PlacementRow& present, size_t count) {
    PlacementRow chosen;
    const size_t wanted = std::min(count, labels_.size() - row.size());
    while (chosen.size() < wanted) {
      chosen.push_back(best_for(row, chosen, present));
      ++load_[chosen.back()];
    }
    return chosen;
  }

 private:
  Index best_for(const PlacementRow& row, const PlacementRow& chosen, const PlacementRow& present) {
    Index best = kNobody;
    auto best_rank = rank(row, chosen, present, 0);
    const auto start = static_cast<Index>(random_.below(labels_.size()));
    for (size_t i = 0; i < labels_.size(); ++i) {
      const auto member = static_cast<Index>((start + i) % labels_.size());
      if (contains(row, member) || contains(chosen, member)) continue;
      const auto this_rank = rank(row, chosen, present, member);
      if (best != kNobody && best_rank <= this_rank) continue;
      best = member;
      best_rank = this_rank;
    }
    return best;
  }

  // The least is the best: a host not used yet, the data centre that lacks a stand-in most, one
  // that is there already, the least burdened for its weight.
  std::tuple<bool, int, bool, double> rank(const PlacementRow& row, const PlacementRow& chosen,
                                           const PlacementRow& present, Index member) const {
    int surplus = 0;
    bool host_used = false;
    for (const PlacementRow* list : {&row, &chosen}) {
      for (const Index other : *list) {
        if (same(other, member, PlacementLabels::dc)) surplus += list == &row ? -1 : 1;
        host_used = host_used || same(other, member, PlacementLabels::host);
      }
    }
    const double burden = static_cast<double>(load_[member]) / labels_.member(member).weight;
    return {host_used, surplus, !contains(present, member), burden};
  }

  bool same(Index a, Index b, PlacementLabels::Level level) const {
    return labels_.group_of(a, level) == labels_.group_of(b, level);
  }

  const PlacementLabels& labels_;
  std::vector<size_t> load_;
  Random random_;
};

}  // namespace

void spread_first_slots(const PlacementLabels& labels, std::vector<PlacementRow>* rows) {
  FirstSlots(labels.size(), rows).spread();
}

std::vector<PlacementRow> choose_fallbacks(const PlacementLabels& labels,
                                           const std::vector<PlacementRow>& rows,
                                           const std::vector<PlacementRow>& present, size_t count) {
  Fallbacks fallbacks(labels);
  std::vector<PlacementRow> all;
  for (size_t i = 0; i < rows.size(); ++i) {
    all.push_back(fallbacks.choose(rows[i], present.empty() ? PlacementRow() : present[i], count));
  }
  return all;
}

}  // namespace kv
