#include "libkv/storage/range_drops.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

bool ends_behind(const KeyRange& range, BytesView key) {
  return range.to.empty() || key < BytesView(range.to);
}
bool holds(const KeyRange& range, BytesView key) {
  return BytesView(range.from) <= key && ends_behind(range, key);
}

}  // namespace

bool is_empty(const KeyRange& range) {
  return !range.to.empty() && range.from >= range.to;
}

bool overlaps(const KeyRange& range, BytesView first, BytesView last) {
  return ends_behind(range, first) && BytesView(range.from) <= last;
}

std::string encode_key_range(const KeyRange& range) {
  std::string bytes;
  append_sized(bytes, range.from);
  append_sized(bytes, range.to);
  return bytes;
}

Result<KeyRange> decode_key_range(BytesView bytes) {
  ByteReader reader(bytes);
  KeyRange range;
  range.from = reader.take_sized();
  range.to = reader.take_sized();
  if (!reader.ok() || !reader.at_end() || is_empty(range))
    return fail(ErrorKind::corrupt, "a range of keys does not parse");
  return range;
}

RangeDrops::Ptr RangeDrops::with(const Ptr& before, const RangeDrop& drop) {
  auto after = std::make_shared<RangeDrops>();
  const KeyRange& covered = drop.range;
  const std::vector<Piece> none;
  const std::vector<Piece>& old = before == nullptr ? none : before->pieces_;
  after->pieces_.reserve(old.size() + 2);
  for (const Piece& piece : old) {
    const bool is_cut = ends_behind(piece.range, covered.from);
    const KeyRange left{piece.range.from, is_cut ? covered.from : piece.range.to};
    if (left.from < left.to) after->pieces_.push_back({left, piece.sequence});
  }
  after->pieces_.push_back({covered, drop.sequence});
  for (const Piece& piece : old) {
    if (covered.to.empty()) break;
    const KeyRange right{std::max(covered.to, piece.range.from), piece.range.to};
    if (!is_empty(right)) after->pieces_.push_back({right, piece.sequence});
  }
  return after;
}

RangeDrops::Ptr RangeDrops::with(Ptr before, std::span<const RangeDrop> drops) {
  for (const RangeDrop& drop : drops) before = with(before, drop);
  return before;
}

std::vector<RangeDrops::Piece>::const_iterator RangeDrops::piece_at(BytesView key) const {
  return std::partition_point(pieces_.begin(), pieces_.end(),
                              [&](const Piece& piece) { return !ends_behind(piece.range, key); });
}

Sequence RangeDrops::newest_over(BytesView key) const {
  const auto at = piece_at(key);
  return at != pieces_.end() && holds(at->range, key) ? at->sequence : 0;
}

bool RangeDrops::masks(BytesView key, Sequence sequence) const {
  const Sequence newest = newest_over(key);
  return sequence < newest || (newest != 0 && KV_PLANTED(drop_masks_newer));
}

bool RangeDrops::masks_all(BytesView first, BytesView last, Sequence sequence) const {
  auto at = piece_at(first);
  BytesView from = first;
  for (; at != pieces_.end(); ++at) {
    if (!holds(at->range, from) || at->sequence <= sequence) return false;
    if (ends_behind(at->range, last)) return true;
    from = at->range.to;
  }
  return false;
}

size_t RangeDrops::place_of(BytesView key) const {
  const auto at = piece_at(key);
  const auto index = static_cast<size_t>(at - pieces_.begin());
  return 2 * index + (at != pieces_.end() && holds(at->range, key) ? 1 : 0);
}

}  // namespace kv
