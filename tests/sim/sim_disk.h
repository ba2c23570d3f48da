// One host's simulated disk: an image (disk_image.h), the faults, the trace of changes, and who
// holds which lock. Processes reach it through a SimFileSystem each (sim_file_system.h).
//
// Crash tests use the trace:
//     disk.record(true); …run the code…;
//     for (size_t n = 0; n <= disk.trace().size(); ++n)
//       for (CrashPolicy policy : crash_policies()) {
//         SimDisk crashed(0);
//         crashed.restore(disk.state_after(n, policy, random));
//         SimFileSystem files(crashed);  // …recover and check…
//       }
//
// Deterministic: the same calls with the same seeds give the same bytes. Single-threaded. It must
// outlive every SimFileSystem and File on it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "tests/sim/disk_image.h"
#include "tests/sim/fault_plan.h"

namespace kv {

/// What becomes of the unsynced writes of a file whose sync has failed.
enum class AfterFailedSync {
  lost,         ///< Marked clean: reads see them, no later sync writes them (Linux). Some of
                ///< their sectors may have reached the disk.
  still_dirty,  ///< A later sync writes them.
};

class SimDisk {
 public:
  explicit SimDisk(uint64_t seed = 0) : faults_(seed), random_(seed ^ 0x5d15c) {}
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  /// Power loss: all processes of the disk lose it, what was not synced goes by `policy`.
  void crash(CrashPolicy policy, Random& random);
  /// An empty disk in its place.
  void wipe() { restore(DiskImage()); }
  DiskImage snapshot() const { return image_; }
  /// The disk becomes `image`; all processes of the disk lose it. A trace starts anew.
  void restore(DiskImage image);
  /// Flips one bit of a file, durably. REQUIRES: the file has that byte.
  void rot(const std::string& path, uint64_t offset, unsigned bit = 0) {
    image_.flip_bit(path, offset, bit);
  }
  /// A bad sector: what reads this byte of the file fails, from now on. REQUIRES: the file is
  /// there.
  void spoil(const std::string& path, uint64_t offset);
  /// All are read again.
  void mend() { spoiled_.clear(); }
  /// After `operations` more changes the power fails: nothing more happens, every call of every
  /// process fails until crash() or restore().
  void fail_power_after(uint64_t operations) { power_left_ = operations; }
  /// Whether that has come to pass.
  bool is_power_off() const { return power_is_off_; }

  FaultPlan& faults() { return faults_; }
  void fail_nth(uint64_t n, FaultKind kind, bool from_then_on) {
    faults_.fail_nth(n, kind, from_then_on);
  }
  void set_after_failed_sync(AfterFailedSync what) { after_failed_sync_ = what; }
  /// Bytes that files may hold; absent: no bound.
  void set_capacity(std::optional<uint64_t> bytes) { capacity_bytes_ = bytes; }

  /// Of so many reads in a hundred the system has the bytes in memory; from the start: of none.
  void set_page_cache(uint64_t percent) { page_cache_percent_ = percent; }

  /// Starts (dropping an earlier trace) or ends the recording of changes.
  void record(bool on);
  const std::vector<DiskOperation>& trace() const { return trace_; }
  /// The disk as it may be if the power fails after the first `operations` of the trace.
  /// REQUIRES: operations <= trace().size(). Cheapest in rising order of `operations`.
  DiskImage state_after(size_t operations, CrashPolicy policy, Random& random);

  const DiskImage& image() const { return image_; }

 private:
  friend class SimFileSystem;
  friend class SimFile;
  friend class SimDirectoryLock;

  using ProcessNumber = uint64_t;
  using FileNumber = uint64_t;  // An open file of a process.
  struct RangeHold {
    FileNumber holder;
    ProcessNumber process;
    uint64_t begin, end;
    bool exclusive;
  };

  ProcessNumber attach();
  /// The process has ended: its files are closed and its locks dropped.
  void detach(ProcessNumber process);
  bool is_spoiled(InodeNumber inode, uint64_t begin, uint64_t end) const;
  bool is_attached(ProcessNumber process) const { return processes_.count(process) != 0; }

  /// Counts a call and answers with the fault planned for it.
  Status admit(FaultKind kind, bool needs_space, const std::string& path);
  /// Applies and records a change; fails if the power is off.
  Status change(DiskOperation operation);
  Status need_room(uint64_t bytes, const std::string& path) const;

  FileNumber opened(ProcessNumber process, InodeNumber inode);
  void closed(FileNumber file);
  bool is_open(FileNumber file) const { return open_files_.count(file) != 0; }
  void forget_orphans();

  bool lock_range(FileNumber file, uint64_t begin, uint64_t end, File::RangeLock kind);
  bool is_locked_by_another(FileNumber file, uint64_t begin, uint64_t end, bool any_kind) const;
  void release_range(FileNumber file, uint64_t begin, uint64_t end);

  struct OpenFile {
    ProcessNumber process;
    InodeNumber inode;
  };

  DiskImage image_;
  FaultPlan faults_;
  Random random_;
  AfterFailedSync after_failed_sync_ = AfterFailedSync::lost;
  std::optional<uint64_t> capacity_bytes_;
  uint64_t page_cache_percent_ = 0;
  std::optional<uint64_t> power_left_;
  bool power_is_off_ = false;

  bool recording_ = false;
  std::vector<DiskOperation> trace_;
  DiskImage trace_start_;
  DiskImage replayed_;  // trace_start_ with the first replayed_operations_ of the trace.
  size_t replayed_operations_ = 0;

  uint64_t next_number_ = 1;  // For processes and open files: never used twice on one disk.
  std::set<ProcessNumber> processes_;
  std::map<FileNumber, OpenFile> open_files_;
  std::set<InodeNumber> orphans_;  // Without a current name; forgotten when nothing leads there.
  std::map<InodeNumber, std::set<uint64_t>> spoiled_;
  std::map<InodeNumber, std::vector<RangeHold>> range_holds_;
  std::map<std::string, ProcessNumber> directory_holds_;
};

}  // namespace kv
