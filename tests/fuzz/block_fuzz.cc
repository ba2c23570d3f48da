// What stands behind a table's checksums, over arbitrary bytes: blocks, indexes and filters. In
// each the key is looked for with which the input begins:
//
//   input := u8 length | key | bytes
//
// The bytes are read as they are, and are taken for the entries of a block, an index and a filter
// that are built of them, in which every entry must be found, and no other:
//
//   bytes := u8 entries from one restart to the next | (u8 length | key | u8 sequence)*
#include <iterator>
#include <map>

#include "libkv/base/assert.h"
#include "libkv/storage/table/block.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_format.h"
#include "libkv/storage/table/table_index.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr kv::Sequence kAt = 100;
/// More restarts than a bucket can name, where each entry has one.
constexpr size_t kEntriesMax = 300;

struct Before {
  using Place = std::pair<std::string, kv::Sequence>;
  bool operator()(const Place& a, const Place& b) const {
    return kv::compare_entries(a.first, a.second, b.first, b.second) < 0;
  }
};
/// With their values, each as long as its sequence is high.
using Entries = std::map<Before::Place, std::string, Before>;

std::string take_text(kv::BytesView& input) {
  if (input.empty()) return {};
  const auto length = static_cast<uint8_t>(input.front());
  const std::string text(input.substr(1, length));
  input.remove_prefix(1 + text.size());
  return text;
}

uint8_t take_byte(kv::BytesView& input) {
  if (input.empty()) return 0;
  const auto byte = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  return byte;
}

void read_block(kv::BytesView bytes, kv::BytesView key) {
  const auto block = std::make_shared<const kv::Block>(bytes);
  kv::BlockIterator entries(block);
  size_t steps = 0;
  for (entries.seek_to_first(); entries.valid(); entries.next()) KV_ASSERT(++steps <= bytes.size());
  // Backward, hostile offsets may lead to fewer entries, never to endless ones.
  steps = 0;
  for (entries.seek_to_last(); entries.valid(); entries.prev()) KV_ASSERT(++steps <= bytes.size());
  kv::BlockIterator seeking(block);
  seeking.seek(key, kAt);
  if (seeking.valid()) seeking.prev();
  seeking.seek_before(key);
  if (seeking.valid()) seeking.next();
  bool corrupt = false;
  block->prefetch(kv::key_hash(key));
  const auto found = block->find(key, kv::key_hash(key), kAt, &corrupt);
  KV_ASSERT(!found || (!corrupt && found->sequence <= kAt));
}

void read_index(kv::BytesView bytes, kv::BytesView key) {
  const auto index = kv::TableIndex::parse(std::make_shared<const kv::Block>(bytes));
  if (!index) return;
  const size_t at = index->find(key, kAt);
  KV_ASSERT(at <= index->blocks());
  if (at < index->blocks()) (void)index->handle(at);
}

void read_filter(kv::BytesView bytes, kv::BytesView key) {
  const kv::BloomFilter filter(bytes);
  filter.prefetch(kv::key_hash(key));
  KV_ASSERT(filter.may_contain(kv::key_hash(key)) ==
            kv::bloom_may_contain(bytes, kv::key_hash(key)));
  KV_ASSERT(kv::bloom_shape(bytes) || filter.may_contain(0));
}

Entries entries_of(kv::BytesView bytes) {
  Entries entries;
  while (!bytes.empty() && entries.size() < kEntriesMax) {
    std::string key = take_text(bytes);
    const kv::Sequence sequence = take_byte(bytes);
    std::string value(sequence, 'v');
    entries.emplace(Before::Place(std::move(key), sequence), std::move(value));
  }
  return entries;
}

kv::Entry entry_at(Entries::const_iterator at) {
  return {at->first.first, at->first.second, kv::EntryKind::value, at->second};
}

bool is_at(const kv::EntryIterator& walk, const Entries& entries, Entries::const_iterator at) {
  if (at == entries.end()) return !walk.valid();
  return walk.valid() && walk.entry().key == at->first.first &&
         walk.entry().sequence == at->first.second && walk.entry().value == at->second;
}

void check_walks(kv::EntryIterator& walk, const Entries& entries, const std::string& key) {
  walk.seek_to_first();
  for (auto at = entries.begin(); at != entries.end(); ++at, walk.next())
    KV_ASSERT(is_at(walk, entries, at));
  KV_ASSERT(!walk.valid());
  walk.seek_to_last();
  for (auto at = entries.end(); at != entries.begin(); walk.prev())
    KV_ASSERT(is_at(walk, entries, --at));
  KV_ASSERT(!walk.valid());
  walk.seek(key, kAt);
  KV_ASSERT(is_at(walk, entries, entries.lower_bound({key, kAt})));
  walk.seek_before(key);
  const auto after = entries.lower_bound({key, kv::kNewest});
  KV_ASSERT(is_at(walk, entries, after == entries.begin() ? entries.end() : std::prev(after)));
  KV_ASSERT(walk.status());
}

void check_found(const kv::Block& block, const Entries& entries, const Before::Place& place) {
  const auto& [key, sequence] = place;
  const auto at = entries.lower_bound(place);
  const bool is_there = at != entries.end() && at->first.first == key;
  bool corrupt = true;
  const auto found = block.find(key, kv::key_hash(key), sequence, &corrupt);
  KV_ASSERT(!corrupt && found.has_value() == is_there);
  KV_ASSERT(!is_there || (found->sequence == at->first.second && found->value == at->second));
}

void build_block(const Entries& entries, uint32_t restart_interval, const std::string& key) {
  kv::BlockBuilder plain(restart_interval), hashed(restart_interval);
  for (auto at = entries.begin(); at != entries.end(); ++at) {
    plain.add(entry_at(at));
    hashed.add(entry_at(at), kv::key_hash(at->first.first));
  }
  for (kv::BlockBuilder* builder : {&plain, &hashed}) {
    const auto block = std::make_shared<const kv::Block>(kv::BytesView(builder->finish()));
    kv::BlockIterator walk(block);
    check_walks(walk, entries, key);
    for (const auto& [place, value] : entries) check_found(*block, entries, place);
    check_found(*block, entries, {key, kAt});
  }
}

void build_index(const Entries& entries, const std::string& key) {
  kv::BlockBuilder builder;
  uint64_t number = 0;
  for (const auto& [place, value] : entries) {
    const std::string handle = kv::encode_block_handle({number++, place.second});
    builder.add({place.first, place.second, kv::EntryKind::value, handle});
  }
  const auto index =
      kv::TableIndex::parse(std::make_shared<const kv::Block>(kv::BytesView(builder.finish())));
  KV_ASSERT(index && index->blocks() == entries.size());
  number = 0;
  for (const auto& [place, value] : entries) {
    KV_ASSERT(index->find(place.first, place.second) == number);
    KV_ASSERT(index->handle(number).offset == number);
    ++number;
  }
  const auto before = std::distance(entries.begin(), entries.lower_bound({key, kAt}));
  KV_ASSERT(index->find(key, kAt) == static_cast<size_t>(before));
}

void build_filter(const Entries& entries, uint32_t bits_per_key) {
  kv::BloomFilterBuilder builder(bits_per_key);
  for (const auto& [place, value] : entries) builder.add(kv::key_hash(place.first));
  const std::string bytes = builder.finish();
  const kv::BloomFilter filter(bytes);
  KV_ASSERT(kv::bloom_shape(bytes));
  for (const auto& [place, value] : entries)
    KV_ASSERT(filter.may_contain(kv::key_hash(place.first)));
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  const std::string key = "\6key110";
  kv::BlockBuilder block(4), index;
  kv::BloomFilterBuilder filter(10);
  std::string listed(1, '\3');
  for (uint64_t i = 0; i < 40; ++i) {
    const std::string name = "key" + std::to_string(100 + i);
    block.add({name, 9, kv::EntryKind::value, name}, kv::key_hash(name));
    index.add({name, 9, kv::EntryKind::value, kv::encode_block_handle({4096 * i, 4080})});
    filter.add(kv::key_hash(name));
    listed += '\6' + name + '\x9' + '\6' + name + '\7';
  }
  return {key + block.finish(), key + index.finish(), key + filter.finish(), key + listed};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  kv::BytesView input(reinterpret_cast<const char*>(bytes), size);
  const std::string key = take_text(input);
  read_block(input, key);
  read_index(input, key);
  read_filter(input, key);
  const uint32_t interval = 1u + take_byte(input) % 16;
  const Entries entries = entries_of(input);
  build_block(entries, interval, key);
  build_index(entries, key);
  build_filter(entries, interval);
  return 0;
}
