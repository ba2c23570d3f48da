// A copy of an engine as of one instant (Engine::checkpoint): files, which for the engine on disk
// are hard links of its tables, beside a manifest of its own. Tables never change, so the copy does
// not either: the original may be written, compacted, dropped, or removed as a whole.
//
//   directory made ─▶ placeholder, files ─▶ directory synced ─▶ manifest, one commit ─▶ over
//
// Up to the commit the directory holds tables or logs without a manifest, which no engine opens:
// for the case that there are none a placeholder stands for one. What failed is removed again, the
// metadata first; what a crash leaves is for the caller to remove.
//
// run() blocks and belongs to Lane::background; the rest to the loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/storage/engine.h"
#include "libkv/storage/levels/manifest.h"
#include "libkv/storage/levels/version.h"

namespace kv {

/// Links the version's tables from one directory into another, and syncs that; the manifest's part
/// of the copy.
Result<ManifestState> link_tables(FileSystem& files, const Version& version,
                                  const std::string& from, const std::string& to);

class Checkpoint {
 public:
  using Done = std::function<void(Result<Sequence>)>;
  /// Makes the files of the copy in the directory, durable; returns the manifest they go with.
  using MakeFiles = std::function<Result<ManifestState>(const std::string& directory)>;

  Checkpoint(FileSystem& files, CheckpointTarget target, Sequence at, Done done)
      : files_(files), target_(std::move(target)), at_(at), done_(std::move(done)) {}

  /// Everything up to it and nothing else is in the copy.
  Sequence at() const { return at_; }
  /// What it makes holds at() and nothing above it. It is let go when the checkpoint is over.
  void take(MakeFiles make_files) { make_files_ = std::move(make_files); }
  /// REQUIRES: take().
  void run();
  /// Hands out what became of it. Once.
  void finish() { finish(status_); }
  void finish(const Status& status);

 private:
  Status write();
  Status commit(const ManifestState& state);
  void remove_all();
  std::string placeholder() const;

  FileSystem& files_;
  CheckpointTarget target_;
  const Sequence at_;
  Done done_;
  MakeFiles make_files_;
  bool is_ours_ = false;  // The directory was empty before.
  Status status_;
};

}  // namespace kv
