#include "tests/sim/sim_disk.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

void SimDisk::crash(CrashPolicy policy, Random& random) {
  DiskImage image = std::move(image_);
  image.after_power_loss(policy, random);
  restore(std::move(image));
}

void SimDisk::restore(DiskImage image) {
  image_ = std::move(image);
  processes_.clear();
  open_files_.clear();
  orphans_.clear();
  spoiled_.clear();
  range_holds_.clear();
  directory_holds_.clear();
  power_left_.reset();
  power_is_off_ = false;
  if (recording_) record(true);
}

void SimDisk::spoil(const std::string& path, uint64_t offset) {
  const auto inode = image_.find(path);
  KV_ASSERT(inode.has_value());
  spoiled_[*inode].insert(offset);
}

bool SimDisk::is_spoiled(InodeNumber inode, uint64_t begin, uint64_t end) const {
  const auto found = spoiled_.find(inode);
  if (found == spoiled_.end()) return false;
  const auto first = found->second.lower_bound(begin);
  return first != found->second.end() && *first < end;
}

void SimDisk::record(bool on) {
  recording_ = on;
  if (!on) return;
  trace_.clear();
  trace_start_ = image_;
  replayed_ = image_;
  replayed_operations_ = 0;
}

DiskImage SimDisk::state_after(size_t operations, CrashPolicy policy, Random& random) {
  KV_ASSERT(operations <= trace_.size());
  if (operations < replayed_operations_) {
    replayed_ = trace_start_;
    replayed_operations_ = 0;
  }
  while (replayed_operations_ < operations) replayed_.apply(trace_[replayed_operations_++]);
  DiskImage state = replayed_;
  state.after_power_loss(policy, random);
  return state;
}

SimDisk::ProcessNumber SimDisk::attach() {
  processes_.insert(next_number_);
  return next_number_++;
}

void SimDisk::detach(ProcessNumber process) {
  processes_.erase(process);
  std::erase_if(directory_holds_, [&](const auto& hold) { return hold.second == process; });
  std::vector<FileNumber> files;
  for (const auto& [number, file] : open_files_)
    if (file.process == process) files.push_back(number);
  for (const FileNumber file : files) closed(file);
}

Status SimDisk::admit(FaultKind kind, bool needs_space, const std::string& path) {
  const std::optional<FaultKind> fault = faults_.count(kind, needs_space);
  if (!fault) return {};
  if (*fault == FaultKind::no_space)
    return fail(ErrorKind::no_space, path + ": No space left on device (injected)");
  return fail(ErrorKind::io, path + ": Input/output error (injected)");
}

Status SimDisk::change(DiskOperation operation) {
  if (power_left_) {
    if (*power_left_ == 0) {
      power_is_off_ = true;
      const std::vector<ProcessNumber> all(processes_.begin(), processes_.end());
      for (const ProcessNumber process : all) detach(process);
      return fail(ErrorKind::io, operation.path + ": the power is off");
    }
    --*power_left_;
  }
  using Kind = DiskOperation::Kind;
  if (operation.kind == Kind::remove) orphans_.insert(*image_.find(operation.path));
  if (operation.kind == Kind::rename)
    if (const auto replaced = image_.find(operation.to)) orphans_.insert(*replaced);
  image_.apply(operation);
  const bool may_forget = operation.kind == Kind::sync_directory || operation.kind == Kind::remove;
  if (recording_) trace_.push_back(std::move(operation));
  if (may_forget) forget_orphans();
  return {};
}

Status SimDisk::need_room(uint64_t bytes, const std::string& path) const {
  if (bytes > 0 && capacity_bytes_ && image_.used_bytes() + bytes > *capacity_bytes_)
    return fail(ErrorKind::no_space, path + ": No space left on device");
  return {};
}

SimDisk::FileNumber SimDisk::opened(ProcessNumber process, InodeNumber inode) {
  open_files_[next_number_] = {process, inode};
  return next_number_++;
}

void SimDisk::closed(FileNumber file) {
  const auto found = open_files_.find(file);
  if (found == open_files_.end()) return;
  const InodeNumber inode = found->second.inode;
  const auto holds = range_holds_.find(inode);
  if (holds != range_holds_.end()) {
    std::erase_if(holds->second, [&](const RangeHold& hold) { return hold.holder == file; });
    if (holds->second.empty()) range_holds_.erase(holds);
  }
  open_files_.erase(found);
  if (orphans_.count(inode) != 0) forget_orphans();
}

void SimDisk::forget_orphans() {
  std::set<InodeNumber> in_use;
  for (const auto& [number, file] : open_files_) in_use.insert(file.inode);
  std::erase_if(orphans_, [&](InodeNumber inode) {
    return in_use.count(inode) == 0 && image_.forget_if_unreachable(inode);
  });
}

bool SimDisk::is_locked_by_another(FileNumber file, uint64_t begin, uint64_t end,
                                   bool any_kind) const {
  const auto holds = range_holds_.find(open_files_.at(file).inode);
  if (holds == range_holds_.end()) return false;
  return std::any_of(holds->second.begin(), holds->second.end(), [&](const RangeHold& hold) {
    return hold.holder != file && hold.begin < end && begin < hold.end &&
           (any_kind || hold.exclusive);
  });
}

void SimDisk::release_range(FileNumber file, uint64_t begin, uint64_t end) {
  std::vector<RangeHold>& holds = range_holds_[open_files_.at(file).inode];
  std::vector<RangeHold> left;
  for (const RangeHold& hold : holds) {
    if (hold.holder != file || hold.end <= begin || end <= hold.begin) {
      left.push_back(hold);
      continue;
    }
    if (hold.begin < begin) left.push_back({file, hold.process, hold.begin, begin, hold.exclusive});
    if (end < hold.end) left.push_back({file, hold.process, end, hold.end, hold.exclusive});
  }
  holds = std::move(left);
}

bool SimDisk::lock_range(FileNumber file, uint64_t begin, uint64_t end, File::RangeLock kind) {
  const bool exclusive = kind == File::RangeLock::exclusive;
  if (kind != File::RangeLock::none && is_locked_by_another(file, begin, end, exclusive))
    return false;
  release_range(file, begin, end);
  if (kind != File::RangeLock::none) {
    const OpenFile& open = open_files_.at(file);
    range_holds_[open.inode].push_back({file, open.process, begin, end, exclusive});
  }
  return true;
}

}  // namespace kv
