#include "libkv/service/gossip_store.h"

#include <charconv>
#include <utility>

#include "libkv/codec/map_codec.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"

namespace kv {
namespace {

constexpr const char* kTable = "gossip";
constexpr const char* kHistory = "history";
constexpr const char* kStarts = "starts";

// Keys are ordered as bytes: numbers with leading zeros.
std::string padded(uint64_t number, size_t width) {
  std::string digits = std::to_string(number);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

Result<uint64_t> parse_number(const std::string& text, const char* what) {
  uint64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) {
    return fail(ErrorKind::corrupt, std::string("metadata: ") + what + " is no number");
  }
  return value;
}

void write_ballot(const msg::Ballot& ballot, MsgpackWriter& writer) {
  writer.unsigned_integer(ballot.counter);
  writer.unsigned_integer(ballot.member);
}

msg::Ballot read_ballot(MsgpackReader& reader) {
  msg::Ballot ballot;
  ballot.counter = reader.unsigned_integer();
  ballot.member = static_cast<MemberNumber>(reader.unsigned_integer(UINT16_MAX));
  return ballot;
}

Result<MapPointer> decode_pointer(BytesView bytes) {
  KV_ASSIGN(ClusterMap map, decode_map(bytes));
  return std::make_shared<const ClusterMap>(std::move(map));
}

bool is_missing(const Error& error) {
  return error.kind == ErrorKind::not_found;
}

}  // namespace

Result<uint64_t> GossipStore::read_start_number() {
  const auto row = meta_.get(kTable, "start");
  if (!row && is_missing(row.error())) return uint64_t{0};
  if (!row) return fail(row.error());
  return parse_number(*row, "the start number");
}

Result<MapPointer> GossipStore::read_map() {
  const auto row = meta_.get(kTable, "map");
  if (!row && is_missing(row.error())) return MapPointer();
  if (!row) return fail(row.error());
  return decode_pointer(*row);
}

Result<AcceptorRow> GossipStore::read_acceptor() {
  const auto bytes = meta_.get(kTable, "acceptor");
  if (!bytes && is_missing(bytes.error())) return AcceptorRow{};
  if (!bytes) return fail(bytes.error());
  MsgpackReader reader(*bytes);
  const size_t extra = reader.fields(6);
  AcceptorRow row;
  row.epoch = reader.unsigned_integer();
  row.promised = read_ballot(reader);
  row.accepted_ballot = read_ballot(reader);
  if (!reader.try_nil()) {
    const BytesView map = reader.bytes();
    KV_TRY(reader.status("metadata: the acceptor's row"));
    KV_ASSIGN(row.accepted, decode_pointer(map));
  }
  reader.skip(extra);
  KV_TRY(reader.finish("metadata: the acceptor's row"));
  return row;
}

Result<std::vector<StartRow>> GossipStore::read_starts() {
  KV_ASSIGN(const auto rows, meta_.rows(kStarts));
  std::vector<StartRow> starts;
  for (const MetaStore::Row& row : rows) {
    StartRow start;
    KV_ASSIGN(const uint64_t member, parse_number(row.key, "a member of a start"));
    start.member = static_cast<MemberNumber>(member);
    MsgpackReader reader(row.value);
    const size_t extra = reader.fields(3);
    start.incarnation = reader.unsigned_integer();
    start.start_number = reader.unsigned_integer();
    const size_t retired = reader.array();
    for (size_t i = 0; i < retired && reader.ok(); ++i) {
      start.retired.push_back(reader.unsigned_integer());
    }
    // Older rows end here: of a run that is over.
    if (extra >= 3) {
      start.run = reader.unsigned_integer();
      start.knew = reader.boolean();
      start.behind = reader.boolean();
    }
    reader.skip(extra >= 3 ? extra - 3 : extra);
    KV_TRY(reader.finish("metadata: a start"));
    starts.push_back(std::move(start));
  }
  return starts;
}

Result<GossipStore::Contents> GossipStore::open() {
  Contents contents;
  KV_ASSIGN(contents.start_number, read_start_number());
  KV_ASSIGN(contents.map, read_map());
  KV_ASSIGN(contents.acceptor, read_acceptor());
  KV_ASSIGN(contents.starts, read_starts());
  ++contents.start_number;
  KV_TRY(commit(Persist{OwnStartRow{contents.start_number}}, WallTime{}));
  return contents;
}

Status GossipStore::commit(const Persist& persist, WallTime wall) {
  MetaTransaction transaction;
  KV_TRY(std::visit([&](const auto& row) { return stage(row, wall, &transaction); }, persist.row));
  return meta_.commit(transaction);
}

Status GossipStore::stage(const AcceptorRow& row, WallTime, MetaTransaction* transaction) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  writer.array(6);
  writer.unsigned_integer(row.epoch);
  write_ballot(row.promised, writer);
  write_ballot(row.accepted_ballot, writer);
  if (row.accepted)
    writer.bytes(encode_map(*row.accepted));
  else
    writer.nil();
  transaction->put(kTable, "acceptor", std::move(bytes));
  return {};
}

Status GossipStore::stage(const StartRow& row, WallTime, MetaTransaction* transaction) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  writer.array(6);
  writer.unsigned_integer(row.incarnation);
  writer.unsigned_integer(row.start_number);
  writer.array(row.retired.size());
  for (const uint64_t incarnation : row.retired) writer.unsigned_integer(incarnation);
  writer.unsigned_integer(row.run);
  writer.boolean(row.knew);
  writer.boolean(row.behind);
  transaction->put(kStarts, padded(row.member, 5), std::move(bytes));
  return {};
}

Status GossipStore::stage(const StartsForgotten&, WallTime, MetaTransaction* transaction) {
  KV_ASSIGN(const auto rows, meta_.rows(kStarts));
  for (const MetaStore::Row& row : rows) transaction->remove(kStarts, row.key);
  return {};
}

Status GossipStore::stage(const OwnStartRow& row, WallTime, MetaTransaction* transaction) {
  transaction->put(kTable, "start", std::to_string(row.start_number));
  return {};
}

Status GossipStore::stage(const DecidedRow& row, WallTime wall, MetaTransaction* transaction) {
  std::string entry;
  MsgpackWriter writer(&entry);
  writer.array(2);
  writer.integer(microseconds_of(wall));
  writer.bytes(row.map->reason);
  transaction->put(kTable, "map", encode_map(*row.map));
  transaction->put(kHistory, padded(row.map->epoch, 20), std::move(entry));
  KV_ASSIGN(const auto rows, meta_.rows(kHistory));
  for (size_t i = 0; i + kHistoryMax <= rows.size(); ++i) {
    transaction->remove(kHistory, rows[i].key);
  }
  return {};
}

Status GossipStore::forget_votes(MetaTransaction* transaction) {
  transaction->remove(kTable, "acceptor");
  return stage(StartsForgotten{}, WallTime{}, transaction);
}

Result<std::vector<MapHistoryRow>> GossipStore::history() {
  KV_ASSIGN(const auto rows, meta_.rows(kHistory));
  std::vector<MapHistoryRow> history;
  for (const MetaStore::Row& row : rows) {
    MapHistoryRow entry;
    KV_ASSIGN(entry.epoch, parse_number(row.key, "an epoch of the history"));
    MsgpackReader reader(row.value);
    const size_t extra = reader.fields(2);
    entry.at = wall_time_of(reader.integer());
    entry.reason = std::string(reader.bytes());
    reader.skip(extra);
    KV_TRY(reader.finish("metadata: the history"));
    history.push_back(std::move(entry));
  }
  return history;
}

}  // namespace kv
