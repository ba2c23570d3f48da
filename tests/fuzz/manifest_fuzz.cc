// The manifest over arbitrary rows: what a start reads and what an offline tool reads must agree,
// and what was read makes rows that are read to the same.
//
//   input := (u8 table: 0 engine, 1 sstable, 2 range_drop | u8 length | key | u8 length | value)*
#include "libkv/base/assert.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/levels/manifest.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr const char* kTables[] = {"engine", "sstable", "range_drop"};

std::string take_text(kv::BytesView& input) {
  if (input.empty()) return {};
  const auto length = static_cast<uint8_t>(input.front());
  const std::string text(input.substr(1, length));
  input.remove_prefix(1 + text.size());
  return text;
}

kv::MetaTransaction rows_of(kv::BytesView input) {
  kv::MetaTransaction rows;
  while (!input.empty()) {
    const char* table = kTables[static_cast<uint8_t>(input.front()) % 3];
    input.remove_prefix(1);
    std::string key = take_text(input);
    rows.put(table, std::move(key), take_text(input));
  }
  return rows;
}

/// Whether the two have the same tables and drops, to the byte.
bool are_equal(const kv::ManifestState& a, const kv::ManifestState& b) {
  if (a.tables.size() != b.tables.size() || a.drops.size() != b.drops.size()) return false;
  for (size_t i = 0; i < a.tables.size(); ++i)
    if (kv::encode_table_info(a.tables[i]) != kv::encode_table_info(b.tables[i])) return false;
  for (size_t i = 0; i < a.drops.size(); ++i)
    if (a.drops[i].sequence != b.drops[i].sequence ||
        a.drops[i].range.from != b.drops[i].range.from ||
        a.drops[i].range.to != b.drops[i].range.to)
      return false;
  return a.log_secret == b.log_secret && a.flushed == b.flushed;
}

void check_made_again(const kv::ManifestState& state) {
  kv::MemoryMeta rows;
  const auto meta = kv::open_memory_meta(&rows);
  KV_ASSERT(kv::Manifest(*meta).create(state, {}));
  const auto again = kv::Manifest(*meta).open(1);
  KV_ASSERT(again && !again->created && are_equal(*again, state));
}

std::string row(uint8_t table, kv::BytesView key, kv::BytesView value) {
  std::string bytes(1, static_cast<char>(table));
  for (const kv::BytesView text : {key, value}) {
    bytes += static_cast<char>(text.size());
    bytes.append(text);
  }
  return bytes;
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  const std::string engine =
      row(0, "format", "2") + row(0, "log_secret", "77") + row(0, "flushed", "12");
  kv::TableInfo info;
  info.number = 10;
  info.first_key = "a";
  info.last_key = "b";
  const std::string plain = row(1, "000000000000000a", kv::encode_table_info(info));
  info.number = 11;
  info.given_sequence = info.sequence_min = info.sequence_max = 9;
  const std::string ingested = row(1, "000000000000000b", kv::encode_table_info(info));
  const std::string drop = row(2, "0000000000000007", '\1' + kv::encode_key_range({"from", "to"}));
  return {engine + plain + drop, engine + row(0, "clean", "13") + plain + ingested + drop,
          row(0, "format", "1") + plain};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  kv::MemoryMeta rows;
  const auto meta = kv::open_memory_meta(&rows);
  const kv::MetaTransaction given =
      rows_of(kv::BytesView(reinterpret_cast<const char*>(bytes), size));
  if (!given.empty()) KV_ASSERT(meta->commit(given));
  size_t corrupt = 0;
  const auto surveyed = kv::Manifest(*meta).survey([&corrupt](const kv::Error&) { ++corrupt; });
  const bool is_new = !meta->get("engine", "format");
  const auto opened = kv::Manifest(*meta).open(1);
  if (is_new) return 0;  // A start makes one there, if it does not take the directory for spoilt.
  KV_ASSERT(surveyed || surveyed.error().kind == kv::ErrorKind::format);
  KV_ASSERT(opened.has_value() == (surveyed && corrupt == 0));
  if (!opened) return 0;
  KV_ASSERT(are_equal(*opened, surveyed->state));
  check_made_again(*opened);
  return 0;
}
