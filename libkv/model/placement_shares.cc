#include "libkv/model/placement_shares.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

namespace kv {

namespace {

using Index = PlacementLabels::Index;

constexpr int kBisections = 100;   // More than a double has bits.
constexpr double kWhole = 1.0e-6;  // A share so near to a whole number is that number.

struct Node {
  double weight = 0;  // Of a member.
  double lower = 0;
  double upper = 0;
  double share = 0;
  uint32_t held = 0;
  uint32_t slots = 0;
  std::vector<size_t> children;
};

// The tree as an array: the cluster, then data centres, racks, hosts, members.
class ShareTree {
 public:
  ShareTree(const PlacementLabels& labels, uint32_t partitions, const std::vector<uint32_t>& held)
      : labels_(labels), partitions_(partitions) {
    nodes_.emplace_back();
    size_t level_begin = 0;
    for (const auto level : {PlacementLabels::dc, PlacementLabels::rack, PlacementLabels::host}) {
      level_begin = add_groups(level, level_begin);
    }
    members_begin_ = nodes_.size();
    for (Index i = 0; i < labels.size(); ++i) {
      const size_t parent = level_begin + labels.group_of(i, PlacementLabels::host);
      nodes_[parent].children.push_back(nodes_.size());
      Node& node = nodes_.emplace_back();
      node.weight = labels.member(i).weight;
      node.upper = partitions;
      node.held = held[i];
    }
    tighten();
  }

  std::vector<uint32_t> slots() {
    nodes_[0].share = nodes_[0].lower;
    nodes_[0].slots = partitions_ * labels_.copies();
    // A parent stands before its children.
    for (size_t i = 0; i < members_begin_; ++i) pour(i);
    for (size_t i = 0; i < members_begin_; ++i) round_children(i);
    std::vector<uint32_t> slots;
    for (size_t i = members_begin_; i < nodes_.size(); ++i) slots.push_back(nodes_[i].slots);
    return slots;
  }

 private:
  size_t add_groups(PlacementLabels::Level level, size_t parents_begin) {
    const size_t begin = nodes_.size();
    for (const auto& group : labels_.groups(level)) {
      nodes_[parents_begin + group.parent].children.push_back(nodes_.size());
      Node& node = nodes_.emplace_back();
      node.lower = double{1} * group.lower * partitions_;
      node.upper = double{1} * group.upper * partitions_;
    }
    return begin;
  }

  // A group can hold no more than its parts can, and no less than they must.
  void tighten() {
    nodes_[0].upper = nodes_[0].lower = double{1} * partitions_ * labels_.copies();
    for (size_t i = members_begin_; i-- > 0;) {
      double lower = 0;
      double upper = 0;
      for (const size_t child : nodes_[i].children) {
        lower += nodes_[child].lower;
        upper += nodes_[child].upper;
        nodes_[i].held += nodes_[child].held;
      }
      if (i == 0) return;
      nodes_[i].lower = std::max(nodes_[i].lower, lower);
      nodes_[i].upper = std::min(nodes_[i].upper, upper);
    }
  }

  // What the node takes at so many slots a weight.
  double intake(size_t index, double rate) const {
    const Node& node = nodes_[index];
    double wanted = node.weight * rate;
    for (const size_t child : node.children) wanted += intake(child, rate);
    return std::clamp(wanted, node.lower, node.upper);
  }

  // Finds the rate at which the node's parts take just its share.
  void pour(size_t index) {
    double low = 0;
    double high = partitions_;  // At which every member, of weight 1 or more, is full.
    for (int i = 0; i < kBisections; ++i) {
      const double rate = (low + high) / 2;
      double taken = 0;
      for (const size_t child : nodes_[index].children) taken += intake(child, rate);
      (taken < nodes_[index].share ? low : high) = rate;
    }
    for (const size_t child : nodes_[index].children) nodes_[child].share = intake(child, high);
  }

  // The parts' shares rounded down, and up for as many as the node's own number asks for.
  void round_children(size_t index) {
    struct Part {
      size_t node;
      double left;  // To the next whole number below.
      double kept;  // What rounding up saves from moving.
    };
    std::vector<Part> parts;
    uint32_t given = 0;
    for (const size_t child : nodes_[index].children) {
      Node& node = nodes_[child];
      const double whole = std::floor(node.share + kWhole);
      node.slots = static_cast<uint32_t>(whole);
      given += node.slots;
      const double left = std::max(0.0, node.share - whole);
      if (left > kWhole) parts.push_back({child, left, std::min(1.0, node.held - whole)});
    }
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return std::tie(b.kept, b.left) < std::tie(a.kept, a.left);
    });
    for (const Part& part : parts) {
      if (given == nodes_[index].slots) break;
      ++nodes_[part.node].slots;
      ++given;
    }
  }

  const PlacementLabels& labels_;
  uint32_t partitions_;
  std::vector<Node> nodes_;
  size_t members_begin_ = 0;
};

}  // namespace

std::vector<uint32_t> slot_shares(const PlacementLabels& labels, uint32_t partitions,
                                  const std::vector<uint32_t>& held) {
  return ShareTree(labels, partitions, held).slots();
}

}  // namespace kv
