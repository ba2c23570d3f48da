// LevelDB, with its own defaults but for the sizes that all engines share. It answers where it is
// called.
#include <atomic>
#include <string>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "libkv/base/posix_file_system.h"
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

/// Reads tables as kv's engine does with direct_reads: by the same file, one pread a block.
/// LevelDB's own maps them, and has them from the page cache.
class DirectEnv final : public leveldb::EnvWrapper {
 public:
  DirectEnv() : EnvWrapper(leveldb::Env::Default()) {}

  leveldb::Status NewRandomAccessFile(const std::string& name,
                                      leveldb::RandomAccessFile** result) override {
    auto file = files_.open(name, OpenMode::read_direct);
    if (!file) return leveldb::Status::IOError(name, file.error().what);
    *result = new DirectTable(std::move(*file), reads_);
    return leveldb::Status::OK();
  }
  uint64_t reads() const { return reads_; }

 private:
  class DirectTable final : public leveldb::RandomAccessFile {
   public:
    DirectTable(std::unique_ptr<File> file, std::atomic<uint64_t>& reads)
        : file_(std::move(file)), reads_(reads) {}
    leveldb::Status Read(uint64_t offset, size_t n, leveldb::Slice* result,
                         char* scratch) const override {
      reads_.fetch_add(1, std::memory_order_relaxed);
      const auto got = file_->read_at(offset, {scratch, n});
      if (!got) return leveldb::Status::IOError(got.error().what);
      *result = leveldb::Slice(scratch, *got);
      return leveldb::Status::OK();
    }

   private:
    const std::unique_ptr<File> file_;
    std::atomic<uint64_t>& reads_;
  };

  PosixFileSystem files_;
  mutable std::atomic<uint64_t> reads_{0};
};

class LevelDbEngine final : public BenchEngine {
 public:
  std::string version() const override {
    return "LevelDB " + std::to_string(leveldb::kMajorVersion) + "." +
           std::to_string(leveldb::kMinorVersion);
  }

  Status open(const EngineSettings& settings) override {
    filter_.reset(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey));
    cache_.reset(leveldb::NewLRUCache(settings.memory.cache_bytes));
    direct_ = settings.direct ? std::make_unique<DirectEnv>() : nullptr;
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = settings.memory.write_buffer_bytes;
    if (direct_ != nullptr) options.env = direct_.get();
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
    direct_.reset();
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
  std::optional<uint64_t> disk_reads() override {
    if (direct_ == nullptr) return std::nullopt;
    return direct_->reads();
  }

 private:
  std::unique_ptr<DirectEnv> direct_;
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
