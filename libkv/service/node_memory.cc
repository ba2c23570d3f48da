#include "libkv/service/node_memory.h"

#include <algorithm>

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"

namespace kv {

namespace {

constexpr uint64_t kBesideAlways = 44u << 20;
constexpr uint64_t kBesideShare = 8;  // Of the whole: an eighth.
constexpr uint64_t kBesideShareMax = 128u << 20;
constexpr uint64_t kWaitingShare = 8;
/// A page takes some five mebibytes while it is read from 256 partitions in six tables.
constexpr uint64_t kForAScanPage = 64u << 20;
constexpr uint64_t kUntakenShare = 64;
/// What is left between the most that may be resident and where the cache begins to give way: so
/// much a burst of writes takes before blocks that gave way to it have freed whole slabs. In
/// sixteenths. Not more: a node whose storage is full has to stand below it, or it trims for ever.
constexpr uint64_t kMarginShare = 3;
constexpr uint64_t kMarginMax = 32u << 20;
constexpr uint64_t kGivesWayShare = 2, kComesBackShare = 16;
/// A trim takes milliseconds, in which others may wait for the allocator.
constexpr Duration kTrimInterval = 250ms;

}  // namespace

NodeMemory divide_node_memory(uint64_t bytes) {
  KV_ASSERT(bytes >= limits::node_memory_bytes_min);
  NodeMemory parts;
  parts.storage_bytes = bytes - kBesideAlways - std::min(bytes / kBesideShare, kBesideShareMax);
  parts.waiting_bytes = std::min<uint64_t>(bytes / kWaitingShare, limits::waiting_bytes_max);
  parts.scan_pages = std::min<uint64_t>(bytes / kForAScanPage, limits::scan_pages_at_once);
  parts.untaken_bytes = std::min<uint64_t>(bytes / kUntakenShare, limits::untaken_bytes_max);
  return parts;
}

MemoryWatch::Relief MemoryWatch::on_resident(uint64_t bytes, Instant now) {
  resident_ = bytes;
  const uint64_t wanted = bytes_max_ - std::min(bytes_max_ / 16 * kMarginShare, kMarginMax);
  if (bytes <= wanted) {
    withheld_ -= std::min(withheld_, (wanted - bytes) / kComesBackShare);
    return {withheld_, false};
  }
  withheld_ = std::min(withheld_ + (bytes - wanted) / kGivesWayShare, bytes_max_);
  const bool trim = now >= trimmed_at_ + kTrimInterval;
  if (trim) trimmed_at_ = now;
  return {withheld_, trim};
}

}  // namespace kv
