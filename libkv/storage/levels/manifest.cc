#include "libkv/storage/levels/manifest.h"

#include <cstdio>
#include <cstdlib>

#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr uint64_t kManifestVersion = 1;
constexpr uint64_t kDropsVersion = 2;  // Who does not know of drops would show what they mask.
constexpr uint64_t kDropRowVersion = 1;
const std::string kEngineTable = "engine";
const std::string kTablesTable = "sstable";
const std::string kDropsTable = "range_drop";

/// Of a table by its number, of a drop by its sequence.
std::string row_key(uint64_t number) {
  char key[24];
  std::snprintf(key, sizeof(key), "%016llx", static_cast<unsigned long long>(number));
  return key;
}

}  // namespace

Result<std::optional<uint64_t>> Manifest::number(const std::string& key) {
  const auto text = meta_.get(kEngineTable, key);
  if (!text && text.error().kind == ErrorKind::not_found) return std::optional<uint64_t>();
  if (!text) return fail(text.error());
  char* end = nullptr;
  const uint64_t value = std::strtoull(text->c_str(), &end, 10);
  if (text->empty() || end != text->c_str() + text->size())
    return fail(ErrorKind::corrupt, "manifest: engine row " + key + " is not a number");
  return std::optional<uint64_t>(value);
}

Result<ManifestState> Manifest::open(uint64_t new_secret) {
  ManifestState state;
  KV_ASSIGN(const auto version, number("format"));
  if (!version) {
    MetaTransaction first;
    first.put(kEngineTable, "format", std::to_string(kManifestVersion));
    first.put(kEngineTable, "log_secret", std::to_string(new_secret));
    first.put(kEngineTable, "flushed", "0");
    KV_TRY(meta_.commit(first));
    state.created = true;
    state.log_secret = new_secret;
    return state;
  }
  KV_TRY(read_numbers(&state));
  KV_ASSIGN(const auto rows, meta_.rows(kTablesTable));
  for (const MetaStore::Row& row : rows) {
    KV_ASSIGN(TableInfo info, table_of(row));
    state.tables.push_back(std::move(info));
  }
  KV_ASSIGN(const auto drops, meta_.rows(kDropsTable));
  for (const MetaStore::Row& row : drops) {
    KV_ASSIGN(RangeDrop drop, drop_of(row));
    state.drops.push_back(std::move(drop));
  }
  return state;
}

Status Manifest::create(const ManifestState& state, MetaTransaction rows) {
  KV_ASSIGN(const auto version, number("format"));
  if (version) return fail(ErrorKind::invalid, "manifest: there is one already");
  rows.put(kEngineTable, "format", std::to_string(kManifestVersion));
  rows.put(kEngineTable, "log_secret", std::to_string(state.log_secret));
  ManifestChange all;
  all.flushed = state.flushed;
  all.added = state.tables;
  all.drops_added = state.drops;
  add_to(rows, all);
  return meta_.commit(rows);
}

Result<ManifestSurvey> Manifest::survey(const std::function<void(const Error&)>& corrupt) {
  ManifestSurvey found;
  KV_ASSIGN(const auto rows, meta_.rows(kTablesTable));
  KV_ASSIGN(const auto marks, meta_.rows(kEngineTable));
  KV_ASSIGN(const auto drops, meta_.rows(kDropsTable));
  if (rows.empty() && marks.empty()) return fail(ErrorKind::not_found, "manifest: there is none");
  const auto judge = [&corrupt](const Error& error) {
    if (error.kind == ErrorKind::corrupt) corrupt(error);
    return error.kind == ErrorKind::corrupt;
  };
  const Status numbers = read_numbers(&found.state);
  if (!numbers && !judge(numbers.error())) return fail(numbers.error());
  found.numbers_known = numbers.has_value();
  for (const MetaStore::Row& row : rows) {
    auto info = table_of(row);
    if (info) {
      found.state.tables.push_back(std::move(*info));
    } else if (!judge(info.error())) {
      return fail(info.error());
    }
  }
  for (const MetaStore::Row& row : drops) {
    auto drop = drop_of(row);
    if (drop) {
      found.state.drops.push_back(std::move(*drop));
    } else if (!judge(drop.error())) {
      return fail(drop.error());
    }
  }
  return found;
}

Status Manifest::read_numbers(ManifestState* state) {
  KV_ASSIGN(const auto version, number("format"));
  if (version && *version > kDropsVersion)
    return fail(ErrorKind::format, "manifest: format " + std::to_string(*version) + " is newer");
  KV_ASSIGN(const auto secret, number("log_secret"));
  KV_ASSIGN(const auto flushed, number("flushed"));
  KV_ASSIGN(const auto durable, number("durable"));
  KV_ASSIGN(state->clean, number("clean"));
  if (!secret || !flushed) return fail(ErrorKind::corrupt, "manifest: an engine row is missing");
  state->log_secret = *secret;
  state->flushed = *flushed;
  state->durable = durable.value_or(0);
  return {};
}

Result<TableInfo> Manifest::table_of(const MetaStore::Row& row) {
  auto info = decode_table_info(row.value);
  if (!info)
    return fail(info.error().kind, "manifest: table " + row.key + ": " + info.error().what);
  if (row.key != row_key(info->number))
    return fail(ErrorKind::corrupt, "manifest: table " + row.key + ": the row is of another table");
  return info;
}

Result<RangeDrop> Manifest::drop_of(const MetaStore::Row& row) {
  const std::string name = "manifest: drop " + row.key + ": ";
  ByteReader reader(row.value);
  const uint64_t version = reader.take_varint();
  if (reader.ok() && version > kDropRowVersion)
    return fail(ErrorKind::format, name + "row version " + std::to_string(version) + " is newer");
  auto range = decode_key_range(reader.rest());
  if (!reader.ok() || !range) return fail(ErrorKind::corrupt, name + "the row does not parse");
  char* end = nullptr;
  const Sequence sequence = std::strtoull(row.key.c_str(), &end, 16);
  if (row.key != row_key(sequence) || sequence == 0)
    return fail(ErrorKind::corrupt, name + "the key is not a sequence");
  return RangeDrop{std::move(*range), sequence};
}

Status Manifest::commit(const ManifestChange& change) {
  MetaTransaction transaction;
  add_to(transaction, change);
  if (durable_ != nullptr && !KV_PLANTED(forget_what_was_durable))
    transaction.put(kEngineTable, "durable", std::to_string(durable_->load()));
  return meta_.commit(transaction);
}

void Manifest::add_to(MetaTransaction& transaction, const ManifestChange& change) {
  if (change.flushed) transaction.put(kEngineTable, "flushed", std::to_string(*change.flushed));
  for (const uint64_t removed : change.removed) transaction.remove(kTablesTable, row_key(removed));
  for (const TableInfo& added : change.added)
    transaction.put(kTablesTable, row_key(added.number), encode_table_info(added));
  if (!change.drops_added.empty())
    transaction.put(kEngineTable, "format", std::to_string(kDropsVersion));
  for (const RangeDrop& drop : change.drops_added) {
    std::string row;
    append_varint(row, kDropRowVersion);
    transaction.put(kDropsTable, row_key(drop.sequence), row + encode_key_range(drop.range));
  }
  for (const Sequence removed : change.drops_removed)
    transaction.remove(kDropsTable, row_key(removed));
}

Status Manifest::set_clean(Sequence last_sequence) {
  MetaTransaction transaction;
  transaction.put(kEngineTable, "clean", std::to_string(last_sequence));
  return meta_.commit(transaction);
}

Status Manifest::clear_clean(Sequence durable) {
  MetaTransaction transaction;
  transaction.remove(kEngineTable, "clean");
  if (!KV_PLANTED(forget_what_was_durable))
    transaction.put(kEngineTable, "durable", std::to_string(durable));
  return meta_.commit(transaction);
}

}  // namespace kv
