#include "libkv/codec/context_codec.h"

#include <array>
#include <optional>
#include <utility>

#include "libkv/base/hash.h"
#include "libkv/base/limits.h"

namespace kv {

namespace {

constexpr size_t kActorNumbers = 2;
constexpr size_t kPutNumbers = 3;
constexpr BytesView kTextPrefix = "kv1:";
constexpr size_t kChecksumBytes = 4;
constexpr BytesView kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(BytesView bytes) {
  std::string text;
  uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text.push_back(kAlphabet[bits >> (held - 6) & 63]);
  }
  if (held > 0) text.push_back(kAlphabet[bits << (6 - held) & 63]);
  return text;
}

// Nothing if a character is foreign or the unused bits are not zero: each byte string has one text.
std::optional<std::string> from_base64url(BytesView text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const size_t digit = kAlphabet.find(c);
    if (digit == BytesView::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xff));
  }
  if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string checksum_of(BytesView bytes) {
  const uint64_t hash = hash64(bytes);
  std::string checksum;
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    checksum.push_back(static_cast<char>(hash >> (8 * i)));
  }
  return checksum;
}

BytesView trimmed(BytesView text) {
  constexpr BytesView kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == BytesView::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Status check_prefix(BytesView text) {
  if (text.substr(0, kTextPrefix.size()) == kTextPrefix) return {};
  const size_t colon = text.find(':');
  const bool is_newer =
      text.substr(0, 2) == "kv" && colon != BytesView::npos && colon > 2 &&
      text.substr(2, colon - 2).find_first_not_of("0123456789") == BytesView::npos;
  if (is_newer) {
    return fail(ErrorKind::format, "context: its version " + std::string(text.substr(0, colon)) +
                                       " is not known here (kv1 is)");
  }
  return fail(ErrorKind::invalid, "context: not a context (it must start with kv1:)");
}

}  // namespace

void encode_context(const CausalContext& context, MsgpackWriter& writer) {
  writer.array(3);
  writer.array(kActorNumbers * context.actors().size());
  for (const auto& entry : context.actors()) {
    writer.unsigned_integer(entry.actor.packed);
    writer.unsigned_integer(entry.counter);
  }
  writer.array(kPutNumbers * context.puts().size());
  for (const auto& entry : context.puts()) {
    writer.unsigned_integer(entry.put.client);
    writer.unsigned_integer(entry.put.number);
    writer.unsigned_integer(entry.attempt);
  }
  writer.integer(microseconds_of(context.newest()));
}

CausalContext decode_context(MsgpackReader& reader) {
  const size_t extra = reader.fields(3);

  const size_t actor_numbers = reader.array(1, kActorNumbers * limits::context_entries_max);
  CausalContext::ActorEntries actors;
  actors.reserve(actor_numbers / kActorNumbers);
  for (size_t i = 0; i < actor_numbers / kActorNumbers && reader.ok(); ++i) {
    const Actor actor = Actor::from_packed(reader.unsigned_integer());
    actors.push_back({actor, reader.unsigned_integer()});
  }

  const size_t put_numbers = reader.array(1, kPutNumbers * limits::context_entries_max);
  CausalContext::PutEntries puts;
  puts.reserve(put_numbers / kPutNumbers);
  for (size_t i = 0; i < put_numbers / kPutNumbers && reader.ok(); ++i) {
    const uint64_t client = reader.unsigned_integer();
    const uint64_t number = reader.unsigned_integer();
    puts.push_back({{client, number}, static_cast<Attempt>(reader.unsigned_integer(UINT32_MAX))});
  }

  const int64_t newest = reader.integer();
  reader.skip(extra);
  CausalContext context;
  const bool whole = actor_numbers % kActorNumbers == 0 && put_numbers % kPutNumbers == 0;
  if (!whole || newest < 0) reader.refuse();
  if (!reader.ok()) return context;
  if (!context.assign(std::move(actors), std::move(puts))) reader.refuse();
  if (reader.ok()) context.see(wall_time_of(newest));
  return context;
}

std::string context_to_text(const CausalContext& context) {
  std::string bytes;
  MsgpackWriter writer(&bytes);
  encode_context(context, writer);
  return std::string(kTextPrefix) + base64url(bytes + checksum_of(bytes));
}

Result<CausalContext> context_from_text(BytesView text) {
  text = trimmed(text);
  KV_TRY(check_prefix(text));
  const auto decoded = from_base64url(text.substr(kTextPrefix.size()));
  if (!decoded || decoded->size() < kChecksumBytes) {
    return fail(ErrorKind::invalid, "context: damaged (cut short, or with a foreign character)");
  }
  const BytesView bytes = BytesView(*decoded).substr(0, decoded->size() - kChecksumBytes);
  if (checksum_of(bytes) != BytesView(*decoded).substr(bytes.size())) {
    return fail(ErrorKind::invalid, "context: damaged (its checksum does not match)");
  }
  MsgpackReader reader(bytes);
  CausalContext context = decode_context(reader);
  if (const Status status = reader.finish("context"); !status) {
    return fail(ErrorKind::invalid, status.error().what);
  }
  return context;
}

}  // namespace kv
