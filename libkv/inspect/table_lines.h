// The lines in which kv-sst tells of a table: a block or an entry each, or what the table as a
// whole has, as fields with tabs between or as JSON. Pure.
#pragma once

#include <string>

#include "libkv/cli/json_line.h"
#include "libkv/storage/table/table_walk.h"

namespace kv {

struct TableLineForm {
  bool json = false;
  bool values = false;  ///< With an entry's value.
};

std::string line_of(const std::string& path, const TableBlock& block, const TableLineForm& form);
/// Of the entry, which stands in the block at `block_offset`.
std::string line_of(const std::string& path, const Entry& entry, uint64_t block_offset,
                    const TableLineForm& form);

/// A table's finding, which is never a mere note.
std::string line_of_table(const Finding& finding, bool json);

/// What a verified table had.
struct TableTally {
  uint64_t blocks = 0, entries = 0, findings = 0;
};
std::string verdict_line(const std::string& path, const TableTally& tally, bool json);

/// A table's footer, filters and properties: one line of JSON, or one for each of them.
class TableSummary {
 public:
  explicit TableSummary(const std::string& path) : path_(path) { json_.bytes("file", path); }

  void add(const TableFooter& footer);
  void add_filter(BytesView filter);
  /// The top index, of a table that has sections.
  void add(const TableBlock& block);
  void add_property(BytesView name, BytesView value);
  /// All was told.
  void finish(uint64_t entries);
  std::string lines(bool json) { return json ? json_.line() : rows_; }

 private:
  void add_row(const std::string& name, const std::string& value);
  void add_number(const std::string& name, uint64_t value);
  void add_place(const std::string& name, BlockHandle handle);

  const std::string path_;
  JsonLine json_;
  std::string rows_;
  bool has_sections_ = false;
  uint64_t sections_ = 0, filters_ = 0, filter_probes_ = 0, filter_lines_ = 0;
};

}  // namespace kv
