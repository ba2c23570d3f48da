// The meta store in memory. Rows stand sorted in what the caller keeps across a simulated crash.
#include <algorithm>
#include <mutex>

#include "libkv/meta/meta_row.h"
#include "libkv/meta/meta_store.h"

namespace kv {

namespace {

class MemoryMetaStore final : public MetaStore {
 public:
  explicit MemoryMetaStore(MemoryMeta* durable) : durable_(*durable) {}

  Status commit(const MetaTransaction& transaction) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (const auto& change : transaction.changes()) KV_TRY(check_table_name(change.table));
    for (const auto& change : transaction.changes()) apply(change);
    return {};
  }

  Result<std::string> get(const std::string& table, const std::string& key) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    KV_TRY(check_table_name(table));
    const auto row = place_of({table, key});
    if (row == durable_.rows.end() || row->first != Place{table, key})
      return fail(ErrorKind::not_found, "memory: table " + table + ": no such row");
    return row->second;
  }

  Result<std::vector<Row>> rows(const std::string& table) override {
    const std::lock_guard<std::mutex> guard(mutex_);
    KV_TRY(check_table_name(table));
    std::vector<Row> found;
    for (auto row = place_of({table, ""}); row != durable_.rows.end() && row->first.first == table;
         ++row)
      found.push_back({row->first.second, row->second});
    return found;
  }

 private:
  using Place = std::pair<std::string, std::string>;
  using Rows = decltype(MemoryMeta::rows);

  Rows::iterator place_of(const Place& place) {
    return std::lower_bound(durable_.rows.begin(), durable_.rows.end(), place,
                            [](const auto& row, const Place& p) { return row.first < p; });
  }

  void apply(const MetaTransaction::Change& change) {
    Place place{change.table, change.key};
    const auto row = place_of(place);
    const bool there = row != durable_.rows.end() && row->first == place;
    if (there && change.value) {
      row->second = *change.value;
    } else if (there) {
      durable_.rows.erase(row);
    } else if (change.value) {
      durable_.rows.insert(row, {std::move(place), *change.value});
    }
  }

  std::mutex mutex_;  // The interface promises any thread.
  MemoryMeta& durable_;
};

}  // namespace

std::unique_ptr<MetaStore> open_memory_meta(MemoryMeta* durable) {
  return std::make_unique<MemoryMetaStore>(durable);
}

}  // namespace kv
