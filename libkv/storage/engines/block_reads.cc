#include "libkv/storage/engines/block_reads.h"

#include <utility>

#include "libkv/base/planted.h"

namespace kv {

struct BlockReads::UnderWay {
  const SectionPtr section;
  const size_t block;
  const std::shared_ptr<FileRead> read;
  std::vector<Then> waiting;
};

bool BlockReads::begin(const SectionPtr& section, size_t block, Then then) {
  const BlockCache::Key key = section->cache_key(block);
  if (const auto found = under_way_.find(key); found != under_way_.end()) {
    found->second->waiting.push_back(std::move(then));
    return true;
  }
  auto read = section->read_of(block);
  if (read == nullptr) return false;
  auto under_way = std::make_shared<UnderWay>(UnderWay{section, block, read, {}});
  if (!tasks_.read(std::move(read), [this, under_way] { over(*under_way); })) return false;
  under_way->waiting.push_back(std::move(then));
  under_way_.emplace(key, std::move(under_way));
  return true;
}

void BlockReads::over(UnderWay& read) {
  // From here on the cache has it, so whoever is told may ask for the same block anew.
  under_way_.erase(read.section->cache_key(read.block));
  const Outcome outcome = read.section->take_read(read.block, *read.read);
  for (Then& then : read.waiting) {
    std::exchange(then, nullptr)(outcome);
    if (KV_PLANTED(shared_read_tells_one)) return;
  }
}

}  // namespace kv
