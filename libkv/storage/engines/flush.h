// Turns a memtable that takes no more writes into a table of level 0 and tells the manifest, in
// that order of durability; with it go its drops of ranges, which the table itself obeys already.
// run() blocks and belongs to Lane::background; the rest to the loop afterwards.
#pragma once

#include <memory>

#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/memtable/memtable.h"
#include "libkv/storage/table/table_output.h"

namespace kv {

class Flush {
 public:
  /// `version`: the newest. `keeps_drops`: tables may yet come that are older than the memtable.
  Flush(std::shared_ptr<const Memtable> memtable, std::shared_ptr<const Version> version,
        std::shared_ptr<TableDirectory> directory, Manifest manifest, uint64_t salt_seed,
        bool keeps_drops)
      : memtable_(std::move(memtable)),
        flushed_(memtable_->last_sequence()),
        version_(std::move(version)),
        keeps_drops_(keeps_drops),
        manifest_(manifest),
        output_(std::move(directory), 0, ~uint64_t{0}, salt_seed) {}

  void run() { status_ = write(); }

  /// Errors: those that Manifest::is_undone() knows may be tried again; all others are final.
  const Status& status() const { return status_; }
  /// One, or none if nothing was left of the memtable.
  const std::vector<TableInfo>& tables() const { return output_.tables(); }
  /// Those that may mask something in the tables.
  const std::vector<RangeDrop>& drops() const { return drops_; }
  Sequence flushed() const { return flushed_; }
  /// For who wants to choose where it is destroyed. REQUIRES: run() is over.
  std::shared_ptr<const Memtable> take_memtable() { return std::move(memtable_); }

 private:
  Status write();

  std::shared_ptr<const Memtable> memtable_;
  const Sequence flushed_;
  std::shared_ptr<const Version> version_;
  const bool keeps_drops_;
  std::vector<RangeDrop> drops_;
  Manifest manifest_;
  TableOutput output_;
  Status status_;
};

}  // namespace kv
