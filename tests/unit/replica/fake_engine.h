// An engine whose disk, durability and failures a test decides by hand. What a real engine does by
// itself, at some time, happens here when the test says so.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libkv/storage/engine.h"

namespace kv::test {

/// What outlives the engine.
struct FakeStore {
  std::map<std::string, std::string> rows;
  Sequence last = 0;
  bool clean = false;
  bool created = true;
  std::vector<CorruptRange> corruption;
};

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeStore* store) : store_(store), rows_(store->rows), last_(store->last) {
    report_.created = store->created;
    report_.clean = store->clean;
    report_.last_sequence = store->last;
    report_.corruption = store->corruption;
    store->created = store->clean = false;
    durable_ = last_;
  }

  // What the test decides.
  bool sync_by_itself = true;
  std::set<std::string> cold;     ///< Keys whose block is not in memory until they are read.
  bool all_cold = false;          ///< The same for every key.
  std::set<std::string> damaged;  ///< Keys whose block fails its checksum.
  std::optional<ErrorKind> refuse_with;
  int syncs_asked = 0;
  int lookups_of_many = 0;
  std::vector<std::string> iterated;  ///< Where each iterator began.
  Instant room = Instant::min();      ///< When the next write may come.

  void make_room() {
    room = Instant::min();
    if (room_listener_) room_listener_();
  }
  void sync_now() {
    store_->rows = rows_;
    store_->last = durable_ = last_;
    if (listener_) listener_(durable_);
  }
  void fail_sync() {
    failed_ = true;
    if (listener_) listener_(fail(ErrorKind::io, "the log: sync: failed by the test"));
  }
  size_t waiting_reads() const { return reads_.size(); }
  /// Answers the oldest read that waits for the disk.
  void answer_read() {
    auto [key, done] = std::move(reads_.front());
    reads_.erase(reads_.begin());
    cold.erase(key);
    done(look_up(key, FoundIn::disk));
  }
  const std::map<std::string, std::string>& rows() const { return rows_; }

  Result<Sequence> apply(const WriteBatch& batch, Durability) override {
    if (failed_) return fail(ErrorKind::io, "the log has failed");
    if (refuse_with) return fail(*refuse_with, "refused by the test");
    const bool parsed = WriteBatch::for_each(batch.encoded(), [&](const WriteBatch::Operation& o) {
      ++last_;
      if (o.is_put) {
        rows_[std::string(o.key)] = std::string(o.value);
      } else {
        rows_.erase(std::string(o.key));
      }
    });
    if (!parsed) return fail(ErrorKind::invalid, "not a batch");
    if (sync_by_itself) sync_now();
    return last_;
  }
  Instant room_at() override { return room; }
  void on_room(std::function<void()> listener) override { room_listener_ = std::move(listener); }
  Result<Sequence> drop_range(const KeyRange& range, Durability) override {
    if (failed_) return fail(ErrorKind::io, "the log has failed");
    if (refuse_with) return fail(*refuse_with, "refused by the test");
    const auto end = range.to.empty() ? rows_.end() : rows_.lower_bound(range.to);
    rows_.erase(rows_.lower_bound(range.from), end);
    ++last_;
    if (sync_by_itself) sync_now();
    return last_;
  }
  void ingest(std::vector<std::string>, std::function<void(Result<Sequence>)> done) override {
    done(fail(ErrorKind::invalid, "the test takes none"));
  }
  void checkpoint(CheckpointTarget, std::function<void(Result<Sequence>)> done) override {
    done(fail(ErrorKind::invalid, "the test has none"));
  }
  Sequence durable_sequence() const override { return durable_; }
  void on_durable(std::function<void(Result<Sequence>)> listener) override {
    listener_ = std::move(listener);
  }
  void sync() override { ++syncs_asked; }
  void begin_turn() override {}
  void end_turn() override {}
  std::optional<Result<Lookup>> get_if_cached(BytesView key) override {
    if (all_cold || cold.count(std::string(key)) != 0) return std::nullopt;
    return look_up(std::string(key), FoundIn::memtable);
  }
  std::vector<std::optional<Result<Lookup>>> get_many_if_cached(
      std::span<const BytesView> keys) override {
    ++lookups_of_many;
    return Engine::get_many_if_cached(keys);
  }
  void get(BytesView key, std::function<void(Result<Lookup>)> done) override {
    reads_.emplace_back(std::string(key), std::move(done));
  }
  std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) override {
    return iterate_rows(rows_, range, reverse);
  }
  std::shared_ptr<const EngineSnapshot> snapshot() override {
    return std::make_shared<Snapshot>(*this);
  }
  EngineStats stats() const override { return {}; }
  const RecoveryReport& recovery() const override { return report_; }
  Status close() override {
    sync_now();
    store_->clean = true;
    return {};
  }

 private:
  class Iterator final : public EngineIterator {
   public:
    Iterator(std::vector<std::pair<std::string, std::string>> rows, std::set<std::string> damaged)
        : rows_(std::move(rows)), damaged_(std::move(damaged)) {}
    bool valid() const override { return at_ < rows_.size() && !is_damaged(); }
    void next() override { ++at_; }
    BytesView key() const override { return rows_[at_].first; }
    BytesView value() const override { return rows_[at_].second; }
    Status status() const override {
      if (at_ < rows_.size() && is_damaged()) return fail(ErrorKind::corrupt, "a rotten block");
      return {};
    }

    bool pass_over() override {
      if (at_ >= rows_.size() || !is_damaged()) return false;
      ++at_;
      return true;
    }

   private:
    bool is_damaged() const { return damaged_.count(rows_[at_].first) != 0; }
    std::vector<std::pair<std::string, std::string>> rows_;
    std::set<std::string> damaged_;
    size_t at_ = 0;
  };

  /// REQUIRES: the engine outlives it.
  class Snapshot final : public EngineSnapshot {
   public:
    explicit Snapshot(FakeEngine& engine)
        : engine_(engine), rows_(engine.rows_), at_(engine.last_) {}
    Sequence sequence() const override { return at_; }
    Result<Lookup> get(BytesView) const override { return fail(ErrorKind::invalid, "nobody asks"); }
    std::unique_ptr<EngineIterator> iterate(const KeyRange& range, bool reverse) const override {
      return engine_.iterate_rows(rows_, range, reverse);
    }

   private:
    FakeEngine& engine_;
    const std::map<std::string, std::string> rows_;
    const Sequence at_;
  };

  std::unique_ptr<EngineIterator> iterate_rows(const std::map<std::string, std::string>& all,
                                               const KeyRange& range, bool reverse) {
    iterated.push_back(range.from);
    auto begin = all.lower_bound(range.from);
    auto end = range.to.empty() ? all.end() : all.lower_bound(range.to);
    std::vector<std::pair<std::string, std::string>> rows(begin, end);
    if (reverse) rows.assign(std::make_reverse_iterator(end), std::make_reverse_iterator(begin));
    return std::make_unique<Iterator>(std::move(rows), damaged);
  }

  Result<Lookup> look_up(const std::string& key, FoundIn where) const {
    if (damaged.count(key) != 0) return fail(ErrorKind::corrupt, "a rotten block");
    const auto found = rows_.find(key);
    if (found == rows_.end()) return Lookup{};
    return Lookup{SharedBytes::copy_of(found->second), where, where == FoundIn::disk ? 1 : -1};
  }

  FakeStore* store_;
  std::map<std::string, std::string> rows_;
  Sequence last_;
  Sequence durable_ = 0;
  bool failed_ = false;
  RecoveryReport report_;
  std::function<void(Result<Sequence>)> listener_;
  std::function<void()> room_listener_;
  std::vector<std::pair<std::string, std::function<void(Result<Lookup>)>>> reads_;
};

}  // namespace kv::test
