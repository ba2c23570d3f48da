#include "libkv/storage/range_drops.h"

#include <algorithm>
#include <map>

#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

/// At most, in a leaf.
constexpr size_t kLeafPieces = 64;

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

bool is_behind(const KeyRange& range, BytesView key) {
  return key < BytesView(range.from);
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

/// Pieces while they are being cut.
class RangeDrops::Cutter {
 public:
  void add(const Leaf& leaf) {
    for (const Piece& piece : leaf)
      pieces_.emplace_hint(pieces_.end(), piece.range.from, End{piece.range.to, piece.sequence});
  }

  /// Of what `drop` covers nothing stays. Each piece is made and removed once: a drop makes three
  /// at most.
  void cover(const RangeDrop& drop) {
    const KeyRange& covered = drop.range;
    auto at = pieces_.upper_bound(covered.from);
    if (at != pieces_.begin() && ends_behind(range_of(std::prev(at)), covered.from)) --at;
    while (at != pieces_.end() && ends_behind(covered, at->first)) at = cut(at, covered);
    pieces_[covered.from] = {covered.to, drop.sequence};
  }

  void append_to(Leaves& leaves) const {
    const size_t count = (pieces_.size() + kLeafPieces - 1) / kLeafPieces;
    auto at = pieces_.begin();
    for (size_t i = 0; i < count; ++i) {
      auto leaf = std::make_shared<Leaf>();
      // All about equally full, so that none is split again soon.
      for (size_t left = share(i, count); left > 0; --left, ++at)
        leaf->push_back({range_of(at), at->second.sequence});
      leaves.push_back(std::move(leaf));
    }
  }

 private:
  struct End {
    std::string to;
    Sequence sequence;
  };
  using Pieces = std::map<std::string, End, std::less<>>;

  static KeyRange range_of(Pieces::const_iterator at) { return {at->first, at->second.to}; }
  size_t share(size_t i, size_t count) const {
    return pieces_.size() * (i + 1) / count - pieces_.size() * i / count;
  }

  /// Takes what `covered` covers from the piece at `at`; returns the next.
  Pieces::iterator cut(Pieces::iterator at, const KeyRange& covered) {
    const KeyRange whole = range_of(at);
    const Sequence sequence = at->second.sequence;
    at = pieces_.erase(at);
    if (whole.from < covered.from) pieces_[whole.from] = {covered.from, sequence};
    const bool goes_on = !covered.to.empty() && ends_behind(whole, covered.to);
    if (goes_on && !KV_PLANTED(forget_right_piece))
      at = pieces_.emplace_hint(at, covered.to, End{whole.to, sequence});
    return at;
  }

  Pieces pieces_;  // By where they begin.
};

RangeDrops::Ptr RangeDrops::with(const Ptr& before, const RangeDrop& drop) {
  auto after = std::make_shared<RangeDrops>();
  const Leaves none;
  const Leaves& old = before == nullptr ? none : before->leaves_;
  const auto ends_before = [&](const std::shared_ptr<const Leaf>& leaf) {
    return !ends_behind(leaf->back().range, drop.range.from);
  };
  const auto begins_before = [&](const std::shared_ptr<const Leaf>& leaf) {
    return ends_behind(drop.range, leaf->front().range.from);
  };
  auto first = std::partition_point(old.begin(), old.end(), ends_before);
  auto last = std::partition_point(first, old.end(), begins_before);
  // Between two leaves a neighbour takes it in.
  if (first == last && first != old.begin()) --first;
  if (first == last && last != old.end()) ++last;
  Cutter cutter;
  // Leaves between the two ends are covered as a whole.
  if (first != last) cutter.add(**first);
  if (last - first > 1) cutter.add(**std::prev(last));
  cutter.cover(drop);
  after->leaves_.reserve(old.size() + 2);
  after->leaves_.assign(old.begin(), first);
  cutter.append_to(after->leaves_);
  after->leaves_.insert(after->leaves_.end(), last, old.end());
  return after;
}

RangeDrops::Ptr RangeDrops::with(Ptr before, std::span<const RangeDrop> drops) {
  const size_t old = before == nullptr ? 0 : before->pieces();
  if (drops.size() * kLeafPieces < old || drops.size() == 1) {
    for (const RangeDrop& drop : drops) before = with(before, drop);
    return before;
  }
  if (drops.empty()) return before;
  Cutter cutter;
  if (before != nullptr)
    for (const auto& leaf : before->leaves_) cutter.add(*leaf);
  for (const RangeDrop& drop : drops) cutter.cover(drop);
  auto after = std::make_shared<RangeDrops>();
  cutter.append_to(after->leaves_);
  return after;
}

RangeDrops::Place RangeDrops::place_at(BytesView key) const {
  const auto leaf = std::partition_point(leaves_.begin(), leaves_.end(), [&](const auto& one) {
    return !ends_behind(one->back().range, key);
  });
  const auto index = static_cast<size_t>(leaf - leaves_.begin());
  if (leaf == leaves_.end()) return {index, 0};
  const auto piece = std::partition_point((*leaf)->begin(), (*leaf)->end(), [&](const Piece& one) {
    return !ends_behind(one.range, key);
  });
  return {index, static_cast<size_t>(piece - (*leaf)->begin())};
}

/// Null: there is none.
const RangeDrops::Piece* RangeDrops::piece_at(Place place) const {
  return place.leaf == leaves_.size() ? nullptr : &(*leaves_[place.leaf])[place.piece];
}

RangeDrops::Place RangeDrops::after(Place place) const {
  if (place.piece + 1 < leaves_[place.leaf]->size()) return {place.leaf, place.piece + 1};
  return {place.leaf + 1, 0};
}

Sequence RangeDrops::newest_over(BytesView key) const {
  const Piece* piece = piece_at(place_at(key));
  return piece != nullptr && holds(piece->range, key) ? piece->sequence : 0;
}

bool RangeDrops::masks(BytesView key, Sequence sequence) const {
  const Sequence newest = newest_over(key);
  return sequence < newest || (newest != 0 && KV_PLANTED(drop_masks_newer));
}

bool RangeDrops::masks_all(BytesView first, BytesView last, Sequence sequence) const {
  BytesView from = first;
  Place place = place_at(first);
  for (; const Piece* piece = piece_at(place); place = after(place)) {
    if (!holds(piece->range, from) || piece->sequence <= sequence) return false;
    if (ends_behind(piece->range, last)) return true;
    from = piece->range.to;
  }
  return false;
}

size_t RangeDrops::place_of(BytesView key) const {
  const Place place = place_at(key);
  const Piece* piece = piece_at(place);
  const size_t index = place.leaf * kLeafPieces + place.piece;
  return 2 * index + (piece != nullptr && holds(piece->range, key) ? 1 : 0);
}

std::vector<Sequence> RangeDrops::sequences() const {
  std::vector<Sequence> all;
  for (const auto& leaf : leaves_)
    for (const Piece& piece : *leaf) all.push_back(piece.sequence);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

size_t RangeDrops::leaves_beside(const RangeDrops& before) const {
  const Leaves& old = before.leaves_;
  return static_cast<size_t>(std::count_if(leaves_.begin(), leaves_.end(), [&](const auto& leaf) {
    return std::find(old.begin(), old.end(), leaf) == old.end();
  }));
}

size_t RangeDrops::pieces() const {
  size_t count = 0;
  for (const auto& leaf : leaves_) count += leaf->size();
  return count;
}

}  // namespace kv
