// Takes tables that an IngestWriter made into the tree (Engine::ingest). They are newer than all
// that was written before the call and older than what comes after it: the call takes a sequence of
// its own, and ends the memtable with it.
//
//   verify (Lane::read, a slice at a time)
//      ─▶ link (Lane::background)
//      ─▶ all before is flushed, no compaction runs
//      ─▶ levels (the loop)
//      ─▶ commit (Lane::background)
//      ─▶ installed
//
// A file is named by the manifest once it and its link are synced. What failed leaves nothing but
// the sequence, which then counted nothing; links of a crash are removed at the next open.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"
#include "libkv/storage/table/table_output.h"

namespace kv {

/// Of a table, about, what a slice of its verification reads: a read that waits behind one waits
/// for a millisecond or so.
inline constexpr uint64_t kVerifySliceBytes = 256u << 10;

/// The deepest of the levels in use at which a table of these keys may stand: neither there nor
/// above may any table overlap it.
uint32_t ingest_level(const Version& version, const TableInfo& info);

class Ingest {
 public:
  using Done = std::function<void(Result<Sequence>)>;

  /// REQUIRES: there is a path.
  Ingest(std::vector<std::string> paths, std::shared_ptr<TableDirectory> directory,
         Manifest manifest, Sequence at, Done done);
  /// Removes the links unless the manifest may name them.
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // The steps, each blocking, in their order; after one that failed no other.
  /// Reads all of the files, which IngestWriters made, and proves that they may be taken. Again,
  /// until is_verified(). Errors: corrupt, invalid (no such table, or over a limit, or they
  /// overlap), not_found, format, io.
  void verify_slice() { status_ = try_verify_slice(); }
  void link() { status_ = try_link(); }
  void commit();

  Sequence at() const { return at_; }
  const Status& status() const { return status_; }
  bool is_verified() const { return verified_.size() == paths_.size(); }
  /// The loop, between link() and commit().
  void place(const Version& version);
  const std::vector<TableInfo>& tables() const { return tables_; }
  /// Hands out what became of it. The loop; once.
  void finish(const Status& status);

 private:
  struct Reading;  // Of the first of the paths that is not verified.
  Status try_verify_slice();
  Status end_reading();
  Status sort_verified();
  Status try_link();

  const std::vector<std::string> paths_;
  const std::shared_ptr<TableDirectory> directory_;
  Manifest manifest_;
  const Sequence at_;
  Done done_;
  struct Verified {
    std::string path;
    TableInfo info;
  };
  std::unique_ptr<Reading> reading_;
  std::vector<Verified> verified_;  // Of all: in the order of their keys.
  std::vector<TableInfo> tables_;
  std::vector<std::string> links_;  // To be removed if all was in vain.
  Status status_;
};

}  // namespace kv
