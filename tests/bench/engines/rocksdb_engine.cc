// RocksDB, with its own defaults but for the sizes and the compression that all engines share. It
// answers where it is called. Say beside every figure how it was built: the distribution's has its
// assertions on, which halves it.
#include <map>
#include <string>
#include <thread>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>

#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

namespace {

rocksdb::Slice slice(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}

BytesView view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

Status status_of(const rocksdb::Status& status) {
  if (status.ok()) return {};
  return fail(status.IsCorruption() ? ErrorKind::corrupt : ErrorKind::io, status.ToString());
}

class RocksDbSession final : public BenchSession {
 public:
  RocksDbSession(rocksdb::DB& db, const rocksdb::WriteOptions& writing)
      : db_(db), writing_(writing) {}

  Result<Begun> begin_write(std::span<const Pair> pairs, Caller&) override {
    batch_.Clear();
    for (const Pair& pair : pairs)
      KV_TRY(status_of(batch_.Put(slice(pair.key), slice(pair.value))));
    KV_TRY(status_of(db_.Write(writing_, &batch_)));
    return Begun::over;
  }

  Result<Begun> begin_get(BytesView key, Caller& caller) override {
    value_.Reset();
    const auto status =
        db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value_);
    KV_TRY(tell(0, status, value_, caller));
    return Begun::over;
  }

  Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) override {
    keys_.clear();
    for (const BytesView key : keys) keys_.push_back(slice(key));
    values_.resize(keys.size());
    statuses_.resize(keys.size());
    for (rocksdb::PinnableSlice& value : values_) value.Reset();
    db_.MultiGet(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), keys_.size(), keys_.data(),
                 values_.data(), statuses_.data());
    for (size_t i = 0; i < keys.size(); ++i) KV_TRY(tell(i, statuses_[i], values_[i], caller));
    return Begun::over;
  }

  Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) override {
    rocksdb::ReadOptions reading;
    const rocksdb::Slice end = slice(to);
    if (!to.empty()) reading.iterate_upper_bound = &end;
    const std::unique_ptr<rocksdb::Iterator> rows(db_.NewIterator(reading));
    for (rows->Seek(slice(from)); rows->Valid(); rows->Next())
      caller.on_row({view(rows->key()), view(rows->value())});
    KV_TRY(status_of(rows->status()));
    return Begun::over;
  }

 private:
  static Status tell(size_t index, const rocksdb::Status& status,
                     const rocksdb::PinnableSlice& found, Caller& caller) {
    if (status.IsNotFound()) {
      caller.on_value(index, nullptr);
      return {};
    }
    KV_TRY(status_of(status));
    const BytesView value = view(found);
    caller.on_value(index, &value);
    return {};
  }

  rocksdb::DB& db_;
  const rocksdb::WriteOptions& writing_;
  rocksdb::WriteBatch batch_;
  rocksdb::PinnableSlice value_;
  std::vector<rocksdb::Slice> keys_;
  std::vector<rocksdb::PinnableSlice> values_;
  std::vector<rocksdb::Status> statuses_;
};

class RocksDbEngine final : public BenchEngine {
 public:
  std::string version() const override {
    return "RocksDB " + std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." +
           std::to_string(ROCKSDB_PATCH);
  }

  Status open(const EngineSettings& settings) override {
    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(settings.memory.cache_bytes);
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = settings.memory.write_buffer_bytes;
    options.use_direct_reads = settings.direct;
    options.compression = rocksdb::kLZ4Compression;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    rocksdb::DB* db = nullptr;
    KV_TRY(status_of(rocksdb::DB::Open(options, settings.directory, &db)));
    db_.reset(db);
    return {};
  }
  Status close() override {
    const rocksdb::Status closed = db_->Close();
    db_.reset();
    return status_of(closed);
  }
  std::unique_ptr<BenchSession> session() override {
    return std::make_unique<RocksDbSession>(*db_, writing_);
  }

  Status sync_writes(bool wanted) override {
    writing_.sync = wanted;
    return {};
  }

  Result<Instant> settle() override {
    using Properties = rocksdb::DB::Properties;
    const auto count = [this](const std::string& property) {
      uint64_t number = 0;
      db_->GetIntProperty(property, &number);
      return number;
    };
    while (count(Properties::kMemTableFlushPending) + count(Properties::kNumRunningFlushes) +
               count(Properties::kCompactionPending) + count(Properties::kNumRunningCompactions) !=
           0)
      std::this_thread::sleep_for(2ms);
    return monotonic_now();
  }

  /// Its own statistics, which are always on: what flushes and compactions wrote, and the log.
  std::optional<uint64_t> written_bytes() override {
    std::map<std::string, std::string> of_family, of_db;
    if (!db_->GetMapProperty(rocksdb::DB::Properties::kCFStats, &of_family) ||
        !db_->GetMapProperty(rocksdb::DB::Properties::kDBStats, &of_db))
      return std::nullopt;
    const auto tables = of_family.find("compaction.Sum.WriteGB");
    const auto log = of_db.find("db.wal_bytes_written");
    if (tables == of_family.end() || log == of_db.end()) return std::nullopt;
    constexpr double kGigabyte = 1024.0 * 1024 * 1024;
    return static_cast<uint64_t>(std::stod(tables->second) * kGigabyte) + std::stoull(log->second);
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions writing_;
};

}  // namespace

std::unique_ptr<BenchEngine> make_rocksdb() {
  return std::make_unique<RocksDbEngine>();
}

}  // namespace kv::bench
