// Reads every byte of one SSTable and tells what is in it and what is wrong with it: for tools that
// look at a file nobody serves. Where a reader of the engine ends at the first fault, a walk goes
// on: past a block that fails its check or that the disk does not give, past entries out of their
// order.
//
// What it proves of a table without findings: every byte lies in a block whose checksum holds, or
// in the footer; entries ascend over the whole file; each section, and each of its blocks, ends
// where the index says; each block finds each of its entries by its own hash index, and the
// section's filter has every key; the properties are those of the entries.
//
// Blocking file operations, and nothing is written. One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/finding.h"
#include "libkv/storage/table/stored_block.h"
#include "libkv/storage/table/table_format.h"

namespace kv {

/// Of a table without sections (before version 3) the filter is a block of its own, too.
enum class TablePart { data, section, filter, index, properties };
const char* to_string(TablePart part);

/// A block whose checksum holds.
struct TableBlock {
  TablePart part = TablePart::data;
  BlockHandle handle;
  BlockTrailer trailer;
  uint64_t entries = 0;  ///< Of a section, of its index. 0: a filter, or it does not parse.
};

/// Is told what a walk meets: the footer, the (top) index and the properties; then each section's
/// filter and block, and its data in its order, each block behind its entries. Without sections the
/// filter comes before the index. Views live until the call returns.
class TableVisitor {
 public:
  virtual ~TableVisitor() = default;
  virtual void footer(const TableFooter&) {}
  virtual void filter(BytesView) {}
  virtual void property(BytesView /*name*/, BytesView /*value*/) {}
  virtual void entry(const Entry&, uint64_t /*block_offset*/) {}
  virtual void block(const TableBlock&) {}
  virtual void finding(const Finding&) {}
};

class TableWalker;

/// A walk in steps, for who shares the thread with others.
class TableWalk {
 public:
  /// `files` and `visitor` must outlive it. Errors: not_found, io.
  static Result<TableWalk> open(FileSystem& files, const std::string& path, TableVisitor& visitor);
  TableWalk(TableWalk&&) noexcept;
  TableWalk& operator=(TableWalk&&) noexcept;
  ~TableWalk();

  /// Reads blocks until it has seen so many bytes of data; true: it is over. REQUIRES: `bytes` > 0.
  /// Errors: io, format; then there is no more.
  Result<bool> step(uint64_t bytes);
  /// What walk_table() returns. REQUIRES: it is over.
  const TableInfo& found() const;

 private:
  explicit TableWalk(std::unique_ptr<TableWalker> walker);
  std::unique_ptr<TableWalker> walker_;
};

/// The table as its entries tell: without number and level. Of what could be read, if there were
/// findings. Errors: not_found, io, format.
Result<TableInfo> walk_table(FileSystem& files, const std::string& path, TableVisitor& visitor);

}  // namespace kv
