// A table of rows whose slots are exchanged until every member has its share (steps 2 and 3 of
// placement_table.h). Every row is always within the labels' bounds. Internal to compute_table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/model/placement_labels.h"

namespace kv {

class PlacementExchange {
 public:
  using Index = PlacementLabels::Index;
  using Row = std::vector<Index>;

  /// `present`: of each row, the members that hold it now; empty for a new table. `shares`: how
  /// many slots each member is to have. The labels must outlive it.
  PlacementExchange(const PlacementLabels& labels, std::vector<Row> present,
                    std::vector<uint32_t> shares);

  /// A table from nothing, by dealing and mixing.
  static std::vector<Row> deal(const PlacementLabels& labels, uint32_t partitions,
                               const std::vector<uint32_t>& shares);

  /// Exchanges slots until all shares are met. False if no chain was found for some.
  bool settle();
  const std::vector<Row>& rows() const { return rows_; }

 private:
  static constexpr int kCosts = 3;  ///< -1, 0 and 1.

  struct Paths {
    std::vector<int> distance;
    std::vector<Index> before;
  };

  void complete(Row* row, const Row& present);
  int cost_of(size_t row, Index from, Index to) const;
  void count_offers(size_t row, int sign);
  std::optional<int> cheapest_offer(Index from, Index to) const;
  /// Puts `to` in the place of `from` in a row where that costs `cost`. False if there is none.
  bool exchange(Index from, Index to, int cost);
  Paths cheapest_paths(std::vector<Index> sources) const;
  static std::vector<Index> chain_to(Index end, const Paths& paths);
  std::vector<Index> settling_chain() const;
  std::vector<Index> saving_cycle() const;
  /// False if a step was no longer to be had; the steps before it stay.
  bool follow(const std::vector<Index>& chain);

  const PlacementLabels& labels_;
  std::vector<Row> present_;
  std::vector<uint32_t> shares_;
  std::vector<Row> rows_;
  std::vector<uint32_t> held_;
  std::vector<std::vector<uint32_t>> rows_of_;  ///< By member.
  /// In how many rows `from` may give way to `to`, at each cost: [from · members + to][cost + 1].
  std::vector<std::array<uint32_t, kCosts>> offers_;
  Random random_;
};

}  // namespace kv
