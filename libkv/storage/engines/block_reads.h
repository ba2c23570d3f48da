// Blocks that are being read beside the loop, of data or of sections, each once, whoever waits for
// it. The read is the executor's (Executor::begin_read): no thread takes part in it, and what came
// is verified, unpacked, and kept (by the block cache, or the table cache) on the loop.
//
//   begin(b, x) ─▶ read ─────────▶ unpack, keep ─▶ x(b), y(b)
//   begin(b, y) ───┘ shares it
//
// Lives on the loop's thread. `tasks` must outlive every call, not this.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "libkv/base/lane_tasks.h"
#include "libkv/storage/levels/table_cache.h"

namespace kv {

class BlockReads {
 public:
  /// At most one is set. Neither: the read came back short; read the piece on a lane instead.
  struct Piece {
    SectionPtr section = nullptr;
    std::shared_ptr<const Block> block = nullptr;
  };
  /// Errors: corrupt, format, io.
  using Outcome = Result<Piece>;
  using Then = std::function<void(const Outcome&)>;

  explicit BlockReads(LaneTasks& tasks) : tasks_(tasks) {}
  BlockReads(const BlockReads&) = delete;
  BlockReads& operator=(const BlockReads&) = delete;

  /// Calls `then` on the loop, never before returning. False: there is no such way, or the block is
  /// too large to be unpacked on the loop. REQUIRES: what `then` holds keeps the TableFile.
  bool begin(const SectionPtr& section, size_t block, Then then);
  /// The same of the section of `table` where `key` would be. False also: the table is not open.
  bool begin(TableCache& cache, const TableFile& table, BytesView key, Sequence at, Then then);

 private:
  struct UnderWay;
  struct Hash {
    size_t operator()(BlockCache::Key key) const {
      return static_cast<size_t>(key.offset * 0x9e3779b97f4a7c15u ^ key.table);
    }
  };
  bool join(BlockCache::Key name, Then& then);
  bool begin(BlockCache::Key name, std::shared_ptr<FileRead> read,
             std::function<Outcome(const FileRead&)> take, Then then);
  void over(UnderWay& read);

  LaneTasks& tasks_;
  // Never iterated.
  std::unordered_map<BlockCache::Key, std::shared_ptr<UnderWay>, Hash> under_way_;
};

}  // namespace kv
