// kv's engine and RocksDB are told the same arbitrary traces (engine_trace.h) and asked the same:
// gets, many gets, snapshots and walks of both directions must agree, with each other and with
// std::map, after drops, ingests, flushes, compactions and restarts. Power does not fail in these.
// Built with -Dyardsticks=true.
#include <filesystem>

#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include "tests/unit/storage/engines/arbitrary_trace.h"
#include "tests/unit/storage/engines/engine_replay.h"

namespace kv {
namespace {

rocksdb::Slice slice(BytesView bytes) {
  return {bytes.data(), bytes.size()};
}
void check(const rocksdb::Status& status) {
  ASSERT_TRUE(status.ok()) << status.ToString();
}

/// RocksDB in a temporary directory, as small as the engine beside it.
class Yardstick final : public StoreBeside {
 public:
  Yardstick()
      : directory_((std::filesystem::temp_directory_path() /
                    ("kv-yardstick-" + std::to_string(::getpid())))
                       .string()) {
    std::filesystem::remove_all(directory_);
    open();
  }
  ~Yardstick() override {
    db_.reset();
    std::filesystem::remove_all(directory_);
  }

  void write(const WriteBatch& batch) override {
    rocksdb::WriteBatch same;
    WriteBatch::for_each(batch.encoded(), [&same](const WriteBatch::Operation& operation) {
      check(operation.is_put ? same.Put(slice(operation.key), slice(operation.value))
                             : same.Delete(slice(operation.key)));
    });
    check(db_->Write(rocksdb::WriteOptions(), &same));
  }
  void drop(const KeyRange& range) override {
    // It knows of no range without an end: this is behind every key of a trace.
    const std::string to = range.to.empty() ? std::string(64, '\xff') : range.to;
    check(db_->DeleteRange(rocksdb::WriteOptions(), db_->DefaultColumnFamily(), slice(range.from),
                           slice(to)));
  }
  void ingest(const EngineState& pairs) override {
    const std::string path = directory_ + "-made.sst";
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), db_->GetOptions());
    check(writer.Open(path));
    for (const auto& [key, value] : pairs) check(writer.Put(slice(key), slice(value)));
    check(writer.Finish());
    rocksdb::IngestExternalFileOptions moving;
    moving.move_files = true;
    check(db_->IngestExternalFile({path}, moving));
    std::filesystem::remove(path);
  }
  void flush() override { check(db_->Flush(rocksdb::FlushOptions())); }
  void restart() override { open(); }

  Snapshot snapshot() override {
    return {db_->GetSnapshot(), [this](const void* held) {
              db_->ReleaseSnapshot(static_cast<const rocksdb::Snapshot*>(held));
            }};
  }
  std::vector<std::optional<std::string>> get(const std::vector<std::string>& keys,
                                              const Snapshot& at) override {
    if (keys.size() == 1) return {get_one(keys[0], at)};
    std::vector<rocksdb::Slice> slices;
    for (const std::string& key : keys) slices.push_back(slice(key));
    std::vector<std::string> values;
    const auto statuses = db_->MultiGet(reading(at), slices, &values);
    std::vector<std::optional<std::string>> found;
    for (size_t i = 0; i < keys.size(); ++i)
      found.push_back(statuses[i].ok() ? std::optional(values[i]) : std::nullopt);
    return found;
  }
  Pairs walk(const KeyRange& range, bool is_reverse, const Snapshot& at) override {
    rocksdb::ReadOptions options = reading(at);
    const rocksdb::Slice from = slice(range.from), to = slice(range.to);
    options.iterate_lower_bound = &from;
    if (!range.to.empty()) options.iterate_upper_bound = &to;
    const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(options));
    Pairs pairs;
    is_reverse ? rows->SeekToLast() : rows->SeekToFirst();
    for (; rows->Valid(); is_reverse ? rows->Prev() : rows->Next())
      pairs.emplace_back(rows->key().ToString(), rows->value().ToString());
    check(rows->status());
    return pairs;
  }

 private:
  void open() {
    db_.reset();
    rocksdb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 64 << 10;
    rocksdb::DB* opened = nullptr;
    check(rocksdb::DB::Open(options, directory_, &opened));
    db_.reset(opened);
  }
  static rocksdb::ReadOptions reading(const Snapshot& at) {
    rocksdb::ReadOptions options;
    options.snapshot = static_cast<const rocksdb::Snapshot*>(at.get());
    return options;
  }
  std::optional<std::string> get_one(const std::string& key, const Snapshot& at) {
    std::string value;
    const auto status = db_->Get(reading(at), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    EXPECT_TRUE(status.ok()) << status.ToString();
    return value;
  }

  const std::string directory_;
  std::unique_ptr<rocksdb::DB> db_;
};

TEST(EngineYardstickTest, BothGiveTheSameAnswers) {
  ReplayCounts counts;
  const bool are_all = check_traces({.traces = 16}, [&counts](const EngineTrace& trace) {
    Yardstick yardstick;
    EngineReplay replay({.beside = &yardstick});
    const auto problem = replay.run(trace);
    counts.add(replay.counts());
    return problem;
  });
  if (!are_all) return;
  EXPECT_GT(counts.compactions, 50u);
  EXPECT_GT(counts.answers, 10'000u);
  EXPECT_GT(counts.pairs, 100'000u);
  EXPECT_GT(counts.drops, 80u);
  EXPECT_GT(counts.ingests, 30u);
  EXPECT_GT(counts.snapshots_read, 60u);
  std::printf("engine_yardstick: %llu answers and %llu pairs are RocksDB's, %llu compactions\n",
              static_cast<unsigned long long>(counts.answers),
              static_cast<unsigned long long>(counts.pairs),
              static_cast<unsigned long long>(counts.compactions));
}

}  // namespace
}  // namespace kv
