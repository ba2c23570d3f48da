#include "libkv/storage/log/log_segment_pool.h"

#include <algorithm>

#include "libkv/base/limits.h"
#include "libkv/base/planted.h"

namespace kv {

namespace {

constexpr size_t kFillBytes = 1 << 20;

Status fill_with_zeros(File& file, uint64_t bytes) {
  const std::string zeros(static_cast<size_t>(std::min<uint64_t>(bytes, kFillBytes)), '\0');
  for (uint64_t offset = 0; offset < bytes; offset += zeros.size()) {
    const auto piece = static_cast<size_t>(std::min<uint64_t>(bytes - offset, zeros.size()));
    KV_TRY(file.write_at(offset, BytesView(zeros).substr(0, piece)));
  }
  return {};
}

}  // namespace

bool LogSegmentPool::add(const Spare& spare) {
  const std::lock_guard lock(mutex_);
  if (spares_.size() >= limits::log_spare_segments_max) return false;
  spares_.push_back(spare);
  return true;
}

size_t LogSegmentPool::spares() const {
  const std::lock_guard lock(mutex_);
  return spares_.size();
}

Status LogSegmentPool::keep_spares(size_t count) {
  std::vector<Spare> others;
  {
    const std::lock_guard lock(mutex_);
    const size_t kept = std::min(count, spares_.size());
    others.assign(spares_.begin() + static_cast<ptrdiff_t>(kept), spares_.end());
    spares_.resize(kept);
  }
  Status status;
  for (const Spare& spare : others)
    if (const Status removed = files_.remove(spare.path); !removed) status = removed;
  return status;
}

bool LogSegmentPool::take(Spare* spare) {
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return false;
  *spare = spares_.front();
  spares_.erase(spares_.begin());
  return true;
}

Result<std::string> LogSegmentPool::make_fresh(uint64_t bytes) {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    path = directory_ + "/" + std::to_string(next_spare_++) + ".spare";
  }
  KV_ASSIGN(auto file, files_.open(path, OpenMode::write));
  const Status ready = give_room(*file, bytes);
  if (!ready) {
    file.reset();
    // The error to tell is the first one; what is left is removed at the next open.
    (void)files_.remove(path);
    return fail(ready.error());
  }
  return path;
}

Status LogSegmentPool::give_room(File& file, uint64_t bytes) {
  bool reserved = false;
  if (!prewrites_.load(std::memory_order_relaxed)) {
    KV_ASSIGN(reserved, file.reserve(bytes));
  }
  if (!reserved) KV_TRY(fill_with_zeros(file, bytes));
  return file.sync();
}

Status LogSegmentPool::prepare_spare() {
  KV_ASSIGN(const std::string path, make_fresh(segment_bytes_));
  return add({path, false}) ? Status() : files_.remove(path);
}

Result<LogSegmentPool::Segment> LogSegmentPool::open_as(const std::string& path, uint64_t bytes) {
  Spare spare{{}, false};
  if (bytes != segment_bytes_ || !take(&spare)) {
    KV_ASSIGN(spare.path, make_fresh(bytes));
  }
  if (const Status renamed = files_.rename(spare.path, path); !renamed) {
    // Of another size it would not do as a spare, and goes at the next open.
    if (bytes == segment_bytes_) (void)add(spare);
    return fail(renamed.error());
  }
  if (!KV_PLANTED(skip_directory_sync)) KV_TRY(files_.sync_directory(directory_));
  KV_ASSIGN(auto file, files_.open(path, OpenMode::write_through));
  return Segment{std::move(file), spare.recycled};
}

}  // namespace kv
