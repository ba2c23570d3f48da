#include "libkv/command/ring_text.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

#include "libkv/command/report_path.h"
#include "libkv/command/text_table.h"

namespace kv {

namespace {

const std::vector<Report>& elements_at(const Report& report, const char* name) {
  static const std::vector<Report> none;
  const Report* found = report.find(name);
  return found == nullptr ? none : found->elements();
}

// member → `!`, `?` or nothing
std::map<uint64_t, std::string> marks_of(const Report& ring) {
  std::map<uint64_t, std::string> marks;
  for (const Report& member : elements_at(ring, "members")) {
    const std::string liveness = text_at(member, {"liveness"});
    marks[number_at(member, {"member"})] = liveness == "alive"     ? ""
                                           : liveness == "suspect" ? "?"
                                                                   : "!";
  }
  return marks;
}

std::string cell_of(const Report& row, const std::map<uint64_t, std::string>& marks) {
  const auto marked = [&](uint64_t member) {
    const auto mark = marks.find(member);
    return std::to_string(member) + (mark == marks.end() ? "!" : mark->second);
  };
  std::string cell;
  for (const Report& slot : elements_at(row, "slots")) {
    if (!cell.empty()) cell += ",";
    cell += marked(number_at(slot, {"owner"}));
    const uint64_t successor = number_at(slot, {"successor"});
    if (successor != 0) cell += ">" + marked(successor);
  }
  return cell;
}

struct Share {
  uint64_t slots = 0, first = 0;
};

std::map<uint64_t, Share> shares_of(const Report& placement) {
  std::map<uint64_t, Share> shares;
  for (const Report& row : elements_at(placement, "rows")) {
    bool first = true;
    for (const Report& slot : elements_at(row, "slots")) {
      Share& share = shares[number_at(slot, {"owner"})];
      ++share.slots;
      share.first += first ? 1 : 0;
      first = false;
    }
  }
  return shares;
}

std::string percent(uint64_t part, uint64_t whole) {
  char text[32];
  const double value =
      whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  std::snprintf(text, sizeof(text), "%.1f%%", value);
  return text;
}

std::string shares_text(const Report& ring, const Report& placement) {
  std::map<uint64_t, Share> shares = shares_of(placement);
  uint64_t slots = 0;
  for (const auto& [member, share] : shares) slots += share.slots;
  TextTable table({"MEMBER", "DC", "HOST", "STATE", "WEIGHT", "SLOTS", "SHARE", "FIRST"});
  for (const Report& member : elements_at(ring, "members")) {
    const Share share = shares[number_at(member, {"member"})];
    table.add({shown_at(member, {"member"}), shown_at(member, {"dc"}), shown_at(member, {"host"}),
               shown_at(member, {"liveness"}), shown_at(member, {"weight"}),
               std::to_string(share.slots), percent(share.slots, slots),
               std::to_string(share.first)});
  }
  return table.text();
}

// The greatest power of two of cells that fits, so that a row's first number is a round one.
size_t cells_per_row(size_t cell, size_t label, size_t columns) {
  size_t cells = 1;
  while (label + 2 * cells * (cell + 1) <= columns && cells < 64) cells *= 2;
  return cells;
}

std::string partitions_text(const Report& ring, const Report& placement, size_t columns) {
  const auto marks = marks_of(ring);
  std::vector<std::string> cells;
  size_t widest = 1;
  for (const Report& row : elements_at(placement, "rows")) {
    cells.push_back(cell_of(row, marks));
    widest = std::max(widest, cells.back().size());
  }
  const size_t label = std::to_string(cells.size()).size();
  const size_t per_row = cells_per_row(widest, label, columns);
  std::string out;
  for (size_t p = 0; p < cells.size(); ++p) {
    if (p % per_row == 0) {
      const std::string number = std::to_string(p);
      out += std::string(label - number.size(), ' ') + number;
    }
    out += " " + cells[p];
    const bool last = p + 1 == cells.size() || (p + 1) % per_row == 0;
    out += last ? "\n" : std::string(widest - cells[p].size(), ' ');
  }
  return out;
}

std::string keyspaces_of(const Report& ring, uint64_t n) {
  std::string names;
  for (const Report& keyspace : elements_at(ring, "keyspaces"))
    if (number_at(keyspace, {"n"}) == n) names += " " + text_at(keyspace, {"name"});
  return names.empty() ? " none" : names;
}

}  // namespace

std::string ring_text(const Report& ring, size_t columns) {
  std::string out = "cluster " + text_at(ring, {"cluster"}) + " epoch " +
                    shown_at(ring, {"epoch"}) + " partitions " + shown_at(ring, {"partitions"}) +
                    "\n";
  for (const Report& placement : elements_at(ring, "placements")) {
    const uint64_t n = number_at(placement, {"n"});
    out += "\nN=" + std::to_string(n) + ", keyspaces:" + keyspaces_of(ring, n) + "\n";
    out += shares_text(ring, placement) + "\n" + partitions_text(ring, placement, columns);
  }
  return out;
}

}  // namespace kv
