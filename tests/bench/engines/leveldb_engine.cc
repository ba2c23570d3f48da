// LevelDB, with its own defaults but for the sizes that all engines share. It answers where it is
// called.
#include <string>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

namespace {

leveldb::Slice slice(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}

BytesView view(const leveldb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

Status status_of(const leveldb::Status& status) {
  if (status.ok()) return {};
  return fail(status.IsCorruption() ? ErrorKind::corrupt : ErrorKind::io, status.ToString());
}

class LevelDbSession final : public BenchSession {
 public:
  LevelDbSession(leveldb::DB& db, const leveldb::WriteOptions& writing)
      : db_(db), writing_(writing) {}

  Result<Begun> begin_write(std::span<const Pair> pairs, Caller&) override {
    batch_.Clear();
    for (const Pair& pair : pairs) batch_.Put(slice(pair.key), slice(pair.value));
    KV_TRY(status_of(db_.Write(writing_, &batch_)));
    return Begun::over;
  }

  Result<Begun> begin_get(BytesView key, Caller& caller) override {
    KV_TRY(get(0, key, caller));
    return Begun::over;
  }

  Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) override {
    for (size_t i = 0; i < keys.size(); ++i) KV_TRY(get(i, keys[i], caller));
    return Begun::over;
  }

  Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) override {
    const std::unique_ptr<leveldb::Iterator> rows(db_.NewIterator({}));
    for (rows->Seek(slice(from)); rows->Valid(); rows->Next()) {
      if (!to.empty() && view(rows->key()) >= to) break;
      caller.on_row({view(rows->key()), view(rows->value())});
    }
    KV_TRY(status_of(rows->status()));
    return Begun::over;
  }

 private:
  Status get(size_t index, BytesView key, Caller& caller) {
    const leveldb::Status status = db_.Get({}, slice(key), &value_);
    if (status.IsNotFound()) {
      caller.on_value(index, nullptr);
      return {};
    }
    KV_TRY(status_of(status));
    const BytesView value = value_;
    caller.on_value(index, &value);
    return {};
  }

  leveldb::DB& db_;
  const leveldb::WriteOptions& writing_;
  leveldb::WriteBatch batch_;
  std::string value_;
};

class LevelDbEngine final : public BenchEngine {
 public:
  std::string version() const override {
    return "LevelDB " + std::to_string(leveldb::kMajorVersion) + "." +
           std::to_string(leveldb::kMinorVersion);
  }

  Status open(const EngineSettings& settings) override {
    filter_.reset(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey));
    cache_.reset(leveldb::NewLRUCache(kCacheBytes));
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = kWriteBufferBytes;
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    options.compression = leveldb::kSnappyCompression;
    leveldb::DB* db = nullptr;
    KV_TRY(status_of(leveldb::DB::Open(options, settings.directory, &db)));
    db_.reset(db);
    return {};
  }
  Status close() override {
    db_.reset();
    cache_.reset();
    filter_.reset();
    return {};
  }
  std::unique_ptr<BenchSession> session() override {
    return std::make_unique<LevelDbSession>(*db_, writing_);
  }

  Status sync_writes(bool wanted) override {
    writing_.sync = wanted;
    return {};
  }
  /// It has no word for it: its thread sleeps when nothing is left to do.
  Result<Instant> settle() override { return wait_until_threads_sleep(); }
  std::optional<uint64_t> written_bytes() override { return std::nullopt; }

 private:
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteOptions writing_;
};

}  // namespace

std::unique_ptr<BenchEngine> make_leveldb() {
  return std::make_unique<LevelDbEngine>();
}

}  // namespace kv::bench
