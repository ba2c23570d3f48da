#include "libkv/replica/stored_hint.h"

#include <algorithm>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"

namespace kv {

namespace {

constexpr char kFormat = 1;

void append_number(std::string* to, size_t number) {
  to->push_back(static_cast<char>(static_cast<unsigned char>(number >> 8)));
  to->push_back(static_cast<char>(static_cast<unsigned char>(number)));
}

MemberNumber number_at(BytesView bytes, size_t at) {
  return static_cast<MemberNumber>(static_cast<unsigned char>(bytes[at]) << 8 |
                                   static_cast<unsigned char>(bytes[at + 1]));
}

}  // namespace

bool StoredHint::join_owners(const std::vector<MemberNumber>& more) {
  const size_t before = owners.size();
  owners.insert(owners.end(), more.begin(), more.end());
  std::sort(owners.begin(), owners.end());
  owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
  return owners.size() != before;
}

std::string encode_stored_hint(const StoredHint& hint) {
  std::string bytes;
  bytes.push_back(kFormat);
  append_number(&bytes, hint.owners.size());
  for (const MemberNumber owner : hint.owners) append_number(&bytes, owner);
  bytes.append(encode_stored_record(hint.stored));
  return bytes;
}

Result<StoredHint> decode_stored_hint(const SharedBytes& bytes) {
  const BytesView view = bytes.view();
  if (view.size() < 3) return fail(ErrorKind::corrupt, "a stored hint is cut short");
  if (view[0] != kFormat) {
    return fail(view[0] > kFormat ? ErrorKind::format : ErrorKind::corrupt,
                "a stored hint has an unknown format");
  }
  const size_t owners = number_at(view, 1);
  const size_t record_begin = 3 + 2 * owners;
  if (view.size() < record_begin) return fail(ErrorKind::corrupt, "a stored hint is cut short");
  StoredHint hint;
  for (size_t i = 0; i < owners; ++i) hint.owners.push_back(number_at(view, 3 + 2 * i));
  if (!std::is_sorted(hint.owners.begin(), hint.owners.end())) {
    return fail(ErrorKind::corrupt, "a stored hint's owners are not sorted");
  }
  KV_ASSIGN(hint.stored, decode_stored_record(bytes.slice(view.substr(record_begin))));
  return hint;
}

Result<HintRow> decode_hint_row(BytesView key, BytesView value) {
  const auto parsed = parse_record_key(key);
  if (!parsed) return fail(ErrorKind::corrupt, "a key of a hint does not parse");
  KV_ASSIGN(StoredHint hint, decode_stored_hint(SharedBytes::copy_of(value)));
  return HintRow{parsed->keyspace, SharedBytes::copy_of(parsed->name), std::move(hint)};
}

bool UnreadableHints::pass_over(BytesView key, const Error& error) {
  if (rows.size() < limits::unreadable_hints_max) rows.emplace_back(std::string(key), error);
  return true;
}

}  // namespace kv
