// A table of text: columns as wide as their widest cell, two spaces between, nothing after the
// last. Every cell holds something without a space in it (`-` for nothing), so that awk can read
// it. Pure.
#pragma once

#include <string>
#include <vector>

namespace kv {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> names) { add(std::move(names)); }
  /// REQUIRES: as many cells as there are columns.
  void add(std::vector<std::string> cells);
  /// Its lines, the names first.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kv
