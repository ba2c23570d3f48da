// An engine as engine_bench drives it: kv's and its yardsticks behind one interface.
//
// LevelDB, RocksDB and LMDB answer where they are called, on as many threads as there are workers.
// kv's engine belongs to one loop: what has to wait there is *outstanding*, and its caller hears of
// the end in a later turn, so that T workers are T operations in flight on one thread.
//
//     worker ── begin_get ──▶ session ─┬─ over: on_value() has been called
//                                      └─ outstanding … on_value(), on_over() in a later turn
//
// Threading: one session a worker, used by one thread. The engine's own calls are made while no
// session is in use, but for the turns of a loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv::bench {

/// What every engine is opened with, the same for all.
inline constexpr uint64_t kWriteBufferBytes = 64u << 20;
inline constexpr uint64_t kCacheBytes = 256u << 20;
inline constexpr int kBloomBitsPerKey = 10;

/// What the engine may have in memory.
struct MemorySettings {
  uint64_t write_buffer_bytes = kWriteBufferBytes;
  uint64_t cache_bytes = kCacheBytes;
  /// Buffers, cache, and, for kv alone, filters and indexes: two buffers are full at a time.
  uint64_t whole() const { return cache_bytes + 2 * write_buffer_bytes; }
};

struct EngineWaits {
  Duration longest{}, total{};
  uint64_t count = 0;
};

struct EngineSettings {
  std::string directory;
  MemorySettings memory;
  /// Tables are read past the page cache: what is not in the engine's memory is on the disk.
  bool direct = false;
  uint64_t raw_bytes = 0;  ///< Of all keys and values there will be: LMDB must know its size.
  size_t workers = 1;
  bool sync = false;  ///< The writes that are measured will be synced.
};

struct Pair {
  BytesView key;
  BytesView value;
};

enum class Begun { over, outstanding };

/// The other end of an operation. One operation at a time.
class Caller {
 public:
  virtual ~Caller() = default;
  /// What key `index` of the call has, or null: nothing. The bytes are valid during the call alone.
  virtual void on_value(size_t index, const BytesView* value) = 0;
  /// The next pair of a scan, on whichever thread walks it.
  virtual void on_row(const Pair& row) = 0;
  /// An outstanding operation is over.
  virtual void on_over(Status status) = 0;
};

/// One worker's way into an open engine. Gone before the engine is closed.
class BenchSession {
 public:
  virtual ~BenchSession() = default;
  /// The pairs as one batch; over when it is visible, or synced if writes are.
  virtual Result<Begun> begin_write(std::span<const Pair> pairs, Caller& caller) = 0;
  virtual Result<Begun> begin_get(BytesView key, Caller& caller) = 0;
  /// The views in `keys` live until the operation is over.
  virtual Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) = 0;
  /// All pairs from `from` up to `to`, exclusively; an empty `to` means no end.
  virtual Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) = 0;
};

class BenchEngine {
 public:
  virtual ~BenchEngine() = default;
  /// `kv 0.1.0`.
  virtual std::string version() const = 0;

  /// Opens or creates what is in the directory, which exists.
  virtual Status open(const EngineSettings& settings) = 0;
  virtual Status close() = 0;
  virtual std::unique_ptr<BenchSession> session() = 0;

  /// Whether a write is over only when it is on the disk. From the next write on.
  virtual Status sync_writes(bool wanted) = 0;
  /// Returns when nothing is left to be done for what was written, with the instant since when:
  /// flushes that are due, compactions; for LMDB, which has none, the sync. Memtables that are not
  /// full stay; but kv tidies, as it does when idle, which is not in the instant.
  virtual Result<Instant> settle() = 0;
  /// What the engine itself has counted as written to files, its log included, since it was
  /// opened; nothing if it does not count.
  virtual std::optional<uint64_t> written_bytes() = 0;
  /// How often it has read from the files of its tables since it was opened, where it was opened
  /// for direct reads and counts them.
  virtual std::optional<uint64_t> disk_reads() { return std::nullopt; }
  /// How long the engine has made writers wait since it was opened; nothing if it does not count.
  virtual std::optional<EngineWaits> waits() { return std::nullopt; }
  /// It stores into mapped files, so that the system does not see its writes one by one.
  virtual bool writes_through_map() const { return false; }

  /// From now on sessions are made that only read, or no longer.
  virtual void only_reads(bool /*yes*/) {}

  /// All sessions belong to one thread, which calls the two below around each of its turns.
  virtual bool is_one_loop() const { return false; }
  virtual void begin_turn() {}
  /// Completes what has ended. `must_wait`: every worker waits, so wait until something ends.
  virtual Status end_turn(bool /*must_wait*/) { return {}; }
};

struct EngineKind {
  const char* name;
  std::unique_ptr<BenchEngine> (*make)();  ///< Null: not built in.
};
/// All that could be built, kv first.
std::span<const EngineKind> engine_kinds();

std::unique_ptr<BenchEngine> make_kv();
std::unique_ptr<BenchEngine> make_leveldb();
std::unique_ptr<BenchEngine> make_rocksdb();
std::unique_ptr<BenchEngine> make_lmdb();

}  // namespace kv::bench
