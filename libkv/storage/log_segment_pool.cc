#include "libkv/storage/log_segment_pool.h"

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
  return file.sync();
}

}  // namespace

Status LogSegmentPool::add(const std::string& path, bool recycled) {
  {
    const std::lock_guard lock(mutex_);
    if (spares_.size() < limits::log_spare_segments_max) {
      spares_.push_back({path, recycled});
      return {};
    }
  }
  return files_.remove(path);
}

bool LogSegmentPool::empty() const {
  const std::lock_guard lock(mutex_);
  return spares_.empty();
}

bool LogSegmentPool::take(Spare* spare) {
  const std::lock_guard lock(mutex_);
  if (spares_.empty()) return false;
  *spare = spares_.front();
  spares_.erase(spares_.begin());
  return true;
}

Result<std::string> LogSegmentPool::write_fresh(uint64_t bytes) {
  std::string path;
  {
    const std::lock_guard lock(mutex_);
    path = directory_ + "/" + std::to_string(next_spare_++) + ".spare";
  }
  KV_ASSIGN(auto file, files_.open(path, OpenMode::write));
  const Status filled = fill_with_zeros(*file, bytes);
  if (!filled) {
    file.reset();
    // The error to tell is the first one; what is left is removed at the next open.
    (void)files_.remove(path);
    return fail(filled.error());
  }
  return path;
}

Status LogSegmentPool::prepare_spare() {
  KV_ASSIGN(const std::string path, write_fresh(segment_bytes_));
  return add(path, false);
}

Result<LogSegmentPool::Segment> LogSegmentPool::open_as(const std::string& path, uint64_t bytes) {
  Spare spare{{}, false};
  if (bytes != segment_bytes_ || !take(&spare)) {
    KV_ASSIGN(spare.path, write_fresh(bytes));
  }
  if (const Status renamed = files_.rename(spare.path, path); !renamed) {
    // Of another size it would not do as a spare, and goes at the next open.
    if (bytes == segment_bytes_) (void)add(spare.path, spare.recycled);
    return fail(renamed.error());
  }
  if (!KV_PLANTED(skip_directory_sync)) KV_TRY(files_.sync_directory(directory_));
  KV_ASSIGN(auto file, files_.open(path, OpenMode::write));
  return Segment{std::move(file), spare.recycled};
}

}  // namespace kv
