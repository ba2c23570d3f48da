// Files ready to become log segments: recycled ones and fresh ones, all of the full size and with
// their room on the disk. A fresh one is written through with zeros, so that a sync after
// overwriting a part need not write file metadata too; where hardly anybody syncs it only gets its
// room, which does not write the segment twice.
// Thread-safe: the loop gives released segments back, the background lane prepares spares and the
// log's lane takes them; one lock guards the list of names.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "libkv/base/environment.h"

namespace kv {

class LogSegmentPool {
 public:
  LogSegmentPool(FileSystem& files, std::string directory, uint64_t segment_bytes)
      : files_(files), directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

  /// Takes over a released segment of the full size. False: there are enough, the file is the
  /// caller's to remove.
  bool take_over(const std::string& path) { return add({path, true}); }
  bool empty() const { return spares() == 0; }
  size_t spares() const;
  /// Removes all others. Errors: io; they are spares no longer.
  Status keep_spares(size_t count);
  /// Whether fresh files are written through. They are until this says otherwise.
  void prewrite(bool yes) { prewrites_.store(yes, std::memory_order_relaxed); }
  /// Makes a fresh spare and syncs it. Errors: io, no_space (then nothing is left behind).
  Status prepare_spare();

  struct Segment {
    std::unique_ptr<File> file;
    bool recycled = false;
  };
  /// A file under the name `path`, durable in its directory, with room for `bytes`. A spare if
  /// `bytes` is the usual size and there is one. Errors: io; no_space, then all is as it was.
  Result<Segment> open_as(const std::string& path, uint64_t bytes);

  uint64_t segment_bytes() const { return segment_bytes_; }
  const std::string& directory() const { return directory_; }
  FileSystem& files() const { return files_; }

 private:
  struct Spare {
    std::string path;
    bool recycled;
  };
  bool add(const Spare& spare);
  bool take(Spare* spare);
  Result<std::string> make_fresh(uint64_t bytes);
  Status give_room(File& file, uint64_t bytes);

  FileSystem& files_;
  const std::string directory_;
  const uint64_t segment_bytes_;
  std::atomic<bool> prewrites_ = true;
  mutable std::mutex mutex_;
  std::vector<Spare> spares_;
  uint64_t next_spare_ = 1;
};

}  // namespace kv
