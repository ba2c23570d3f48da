#include "libkv/storage/engines/block_reads.h"

#include <utility>

#include "libkv/base/planted.h"

namespace kv {

struct BlockReads::UnderWay {
  const BlockCache::Key name;
  const std::shared_ptr<FileRead> read;
  const std::function<Outcome(const FileRead&)> take;
  std::vector<Then> waiting;
};

bool BlockReads::begin(const SectionPtr& section, size_t block, Then then) {
  const BlockCache::Key name = section->cache_key(block);
  if (join(name, then)) return true;
  const auto take = [section, block](const FileRead& read) -> Outcome {
    KV_ASSIGN(auto taken, section->take_read(block, read));
    return Piece{.block = std::move(taken)};
  };
  return begin(name, section->read_of(block), take, std::move(then));
}

bool BlockReads::begin(TableCache& cache, const TableFile& table, BytesView key, Sequence at,
                       Then then) {
  const auto place = cache.place_of(table, key, at);
  if (!place) return false;
  const BlockCache::Key name = place->reader->name_of(place->section);
  if (join(name, then)) return true;
  const auto take = [&cache, &table, place](const FileRead& read) -> Outcome {
    KV_ASSIGN(auto taken, cache.take_read(table, *place, read));
    return Piece{.section = std::move(taken)};
  };
  return begin(name, place->reader->read_of(place->section), take, std::move(then));
}

/// True: it is on its way already, and `then` will hear of it.
bool BlockReads::join(BlockCache::Key name, Then& then) {
  const auto found = under_way_.find(name);
  if (found == under_way_.end()) return false;
  found->second->waiting.push_back(std::move(then));
  return true;
}

bool BlockReads::begin(BlockCache::Key name, std::shared_ptr<FileRead> read,
                       std::function<Outcome(const FileRead&)> take, Then then) {
  if (read == nullptr) return false;
  auto under_way = std::make_shared<UnderWay>(UnderWay{name, read, std::move(take), {}});
  if (!tasks_.read(std::move(read), [this, under_way] { over(*under_way); })) return false;
  under_way->waiting.push_back(std::move(then));
  under_way_.emplace(name, std::move(under_way));
  return true;
}

void BlockReads::over(UnderWay& read) {
  // From here on the cache has it, so whoever is told may ask for the same block anew.
  under_way_.erase(read.name);
  const Outcome outcome = read.take(*read.read);
  for (Then& then : read.waiting) {
    std::exchange(then, nullptr)(outcome);
    if (KV_PLANTED(shared_read_tells_one)) return;
  }
}

}  // namespace kv
