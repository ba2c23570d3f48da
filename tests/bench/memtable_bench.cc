// The memtable's index beside its yardsticks, with the keys that a kv-node stores: a record key of
// 11 bytes before the name (replica/key_layout.h), spread over the partitions by hash.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "libkv/base/hash.h"
#include "libkv/base/random.h"
#include "libkv/replica/key_layout.h"
#include "libkv/storage/memtable/memtable.h"
#include "tests/bench/skip_list.h"

namespace kv {
namespace {

constexpr uint32_t kPartitions = 256;

std::string key_of(uint64_t number) {
  std::string name = std::to_string(number);
  name = "user/" + std::string(14 - name.size(), '0') + name;
  PartitionKey partition;
  partition.partition = static_cast<uint32_t>(hash64(name) % kPartitions);
  return record_key(Space::own, partition, 1, name);
}

class TreeTable {
 public:
  void add(const Entry& entry) { table_->add(entry); }
  bool find(BytesView key) const { return table_->find(key, kNewest).has_value(); }
  template <typename Visit>
  void walk(Visit visit) const {
    const auto at = table_->iterator();
    for (at->seek_to_first(); at->valid(); at->next()) visit(at->entry());
  }
  template <typename Visit>
  void walk_from(BytesView key, int count, Visit visit) const {
    const auto at = table_->iterator();
    for (at->seek(key, kNewest); at->valid() && count-- > 0; at->next()) visit(at->entry());
  }
  size_t bytes() const { return table_->memory_bytes(); }

 private:
  std::shared_ptr<Memtable> table_ = std::make_shared<Memtable>();
};

class SkipListTable {
 public:
  void add(const Entry& entry) { list_.insert(entry); }
  bool find(BytesView key) const {
    const auto* node = list_.first_at_or_after(key, kNewest);
    return node != nullptr && SkipList::entry(node).key == key;
  }
  template <typename Visit>
  void walk(Visit visit) const {
    for (const auto* node = list_.first(); node != nullptr; node = SkipList::next(node))
      visit(SkipList::entry(node));
  }
  template <typename Visit>
  void walk_from(BytesView key, int count, Visit visit) const {
    const auto* node = list_.first_at_or_after(key, kNewest);
    for (; node != nullptr && count-- > 0; node = SkipList::next(node))
      visit(SkipList::entry(node));
  }
  size_t bytes() const { return arena_.used_bytes(); }

 private:
  Arena arena_;
  SkipList list_{arena_};
};

class MapTable {
 public:
  void add(const Entry& entry) { map_[std::string(entry.key)] = std::string(entry.value); }
  bool find(BytesView key) const { return map_.find(key) != map_.end(); }
  template <typename Visit>
  void walk(Visit visit) const {
    for (const auto& [key, value] : map_) visit(Entry{key, 1, EntryKind::value, value});
  }
  template <typename Visit>
  void walk_from(BytesView key, int count, Visit visit) const {
    for (auto at = map_.lower_bound(key); at != map_.end() && count-- > 0; ++at)
      visit(Entry{at->first, 1, EntryKind::value, at->second});
  }
  size_t bytes() const { return 0; }

 private:
  std::map<std::string, std::string, std::less<>> map_;
};

struct Keys {
  std::vector<std::string> present, absent;
};

/// In random order, or sorted as a bulk load brings them: ascending within each partition.
const Keys& keys(size_t count, bool sequential) {
  static std::map<std::pair<size_t, bool>, Keys> made;
  Keys& keys = made[{count, sequential}];
  if (!keys.present.empty()) return keys;
  for (size_t i = 0; i < count; ++i) {
    keys.present.push_back(key_of(2 * i));
    keys.absent.push_back(key_of(2 * i + 1));
  }
  Random random(7);
  if (!sequential) std::shuffle(keys.present.begin(), keys.present.end(), random);
  std::shuffle(keys.absent.begin(), keys.absent.end(), random);
  return keys;
}

const std::string kValue(100, 'v');

template <typename Table>
void fill(Table& table, const Keys& keys) {
  Sequence sequence = 0;
  for (const std::string& key : keys.present)
    table.add({key, ++sequence, EntryKind::value, kValue});
}

/// The table of a size, made once for all that only read.
template <typename Table>
const Table& filled(size_t count) {
  static std::map<size_t, std::unique_ptr<Table>> made;
  auto& table = made[count];
  if (table == nullptr) {
    table = std::make_unique<Table>();
    fill(*table, keys(count, false));
  }
  return *table;
}

template <typename Table>
void insert(benchmark::State& state, bool sequential) {
  const auto count = static_cast<size_t>(state.range(0));
  const Keys& used = keys(count, sequential);
  size_t bytes = 0;
  for (auto _ : state) {
    auto table = std::make_unique<Table>();
    fill(*table, used);
    bytes = table->bytes();
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["overhead_bytes"] = static_cast<double>(bytes) / static_cast<double>(count) -
                                     static_cast<double>(used.present[0].size() + kValue.size());
}
template <typename Table>
void insert_random(benchmark::State& state) {
  insert<Table>(state, false);
}
template <typename Table>
void insert_sequential(benchmark::State& state) {
  insert<Table>(state, true);
}

/// What the replica does: each key is read before it is written.
template <typename Table>
void find_and_insert(benchmark::State& state) {
  const Keys& used = keys(static_cast<size_t>(state.range(0)), false);
  for (auto _ : state) {
    auto table = std::make_unique<Table>();
    Sequence sequence = 0;
    for (const std::string& key : used.present) {
      benchmark::DoNotOptimize(table->find(key));
      table->add({key, ++sequence, EntryKind::value, kValue});
    }
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <typename Table>
void find_each(benchmark::State& state, bool present) {
  const auto count = static_cast<size_t>(state.range(0));
  const Table& table = filled<Table>(count);
  // In another order than they were inserted in.
  auto wanted = present ? keys(count, false).present : keys(count, false).absent;
  Random random(8);
  std::shuffle(wanted.begin(), wanted.end(), random);
  size_t next = 0;
  for (auto _ : state) {
    if (table.find(wanted[next]) != present) state.SkipWithError("a wrong answer");
    next = next + 1 == count ? 0 : next + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
template <typename Table>
void find_present(benchmark::State& state) {
  find_each<Table>(state, true);
}
template <typename Table>
void find_absent(benchmark::State& state) {
  find_each<Table>(state, false);
}

template <typename Table>
void walk_all(benchmark::State& state) {
  const Table& table = filled<Table>(static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    size_t bytes = 0;
    table.walk([&](const Entry& entry) { bytes += entry.key.size() + entry.value.size(); });
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <typename Table>
void seek_and_walk_10(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const Table& table = filled<Table>(count);
  const auto& wanted = keys(count, false).absent;
  size_t next = 0;
  for (auto _ : state) {
    size_t bytes = 0;
    table.walk_from(wanted[next], 10,
                    [&](const Entry& entry) { bytes += entry.key.size() + entry.value.size(); });
    benchmark::DoNotOptimize(bytes);
    next = next + 1 == count ? 0 : next + 1;
  }
  state.SetItemsProcessed(state.iterations());
}

#define KV_MEMTABLE_BENCH(work)                                                                \
  BENCHMARK(work<SkipListTable>)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond); \
  BENCHMARK(work<TreeTable>)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);     \
  BENCHMARK(work<MapTable>)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond)

KV_MEMTABLE_BENCH(insert_random);
KV_MEMTABLE_BENCH(insert_sequential);
KV_MEMTABLE_BENCH(find_and_insert);
KV_MEMTABLE_BENCH(find_present);
KV_MEMTABLE_BENCH(find_absent);
KV_MEMTABLE_BENCH(walk_all);
KV_MEMTABLE_BENCH(seek_and_walk_10);

}  // namespace
}  // namespace kv

BENCHMARK_MAIN();
