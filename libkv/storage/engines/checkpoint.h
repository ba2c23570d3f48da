// A copy of an engine as of one instant, made by hard links of its tables beside a manifest of its
// own (Engine::checkpoint). Tables never change, so the copy does not either: the original may be
// written, compacted, dropped, or removed as a whole.
//
//   directory made ─▶ placeholder, links ─▶ directory synced ─▶ manifest, one commit ─▶ over
//
// Up to the commit the directory holds tables without a manifest, which no engine opens: for the
// case that there are no tables a placeholder stands for one. What failed is removed again, the
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

class Checkpoint {
 public:
  using Done = std::function<void(Result<Sequence>)>;

  /// `source`: the engine's directory. `secret`: fresh entropy, for the copy's log.
  Checkpoint(FileSystem& files, std::string source, CheckpointTarget target, Sequence at,
             uint64_t secret, Done done)
      : files_(files),
        source_(std::move(source)),
        target_(std::move(target)),
        at_(at),
        secret_(secret),
        done_(std::move(done)) {}

  /// Everything up to it and nothing else is in the copy.
  Sequence at() const { return at_; }
  /// Holds at() and nothing above it: its files are needed until this object is gone.
  void take(std::shared_ptr<const Version> version) { version_ = std::move(version); }
  /// REQUIRES: take().
  void run();
  /// Hands out what became of it. Once.
  void finish() { finish(status_); }
  void finish(const Status& status);

 private:
  Status write();
  Status link_tables();
  Status commit();
  void remove_all();
  std::string placeholder() const;

  FileSystem& files_;
  const std::string source_;
  CheckpointTarget target_;
  const Sequence at_;
  const uint64_t secret_;
  Done done_;
  std::shared_ptr<const Version> version_;
  bool is_ours_ = false;  // The directory was empty before.
  Status status_;
};

}  // namespace kv
