// Turns a memtable that takes no more writes into a table of level 0 and tells the manifest, in
// that order of durability. run() blocks and belongs to Lane::background; the rest to the loop
// afterwards.
#pragma once

#include <memory>

#include "libkv/storage/manifest.h"
#include "libkv/storage/memtable.h"
#include "libkv/storage/table_output.h"

namespace kv {

class Flush {
 public:
  Flush(std::shared_ptr<const Memtable> memtable, std::shared_ptr<TableFactory> factory,
        Manifest manifest, uint64_t salt_seed)
      : memtable_(std::move(memtable)),
        flushed_(memtable_->last_sequence()),
        manifest_(manifest),
        output_(std::move(factory), 0, ~uint64_t{0}, salt_seed) {}

  void run() { status_ = write(); }

  /// Errors: those that Manifest::is_undone() knows may be tried again; all others are final.
  const Status& status() const { return status_; }
  const TableInfo& table() const { return output_.tables().front(); }
  Sequence flushed() const { return flushed_; }
  /// For who wants to choose where it is destroyed. REQUIRES: run() is over.
  std::shared_ptr<const Memtable> take_memtable() { return std::move(memtable_); }

 private:
  Status write();

  std::shared_ptr<const Memtable> memtable_;
  const Sequence flushed_;
  Manifest manifest_;
  TableOutput output_;
  Status status_;
};

}  // namespace kv
