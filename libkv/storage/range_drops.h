// Whole ranges of keys that were dropped at once (Engine::drop_range): what they hide from reads,
// and how they stand in the log and in the manifest. Entries below a drop's sequence in its range
// are masked: they are gone for reads, and compaction does not write them again.
//
// A drop travels as entries do: from the log into the active memtable, from there with the flush
// into the manifest; there it stays for as long as a table overlaps it that holds older sequences.
// Readers see all of them merged into one map of pieces, in which the newest drop over a key is
// all that matters (after RocksDB's fragmented range tombstones):
//
//     drops    [a ───── 5 ────── k)         pieces   [a ─ 5 ─ d)[d ─── 9 ─── p)
//                   [d ──── 9 ─────── p)
//
// All is pure or immutable.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "libkv/storage/engine.h"

namespace kv {

struct RangeDrop {
  KeyRange range;
  Sequence sequence = 0;
};

/// Whether no key can be in it.
bool is_empty(const KeyRange& range);
/// Whether all that it holds comes after `key`.
bool is_behind(const KeyRange& range, BytesView key);
/// Whether a key of [first, last] is in it.
bool overlaps(const KeyRange& range, BytesView first, BytesView last);

/// As the log's record and the manifest's row hold it (on disk: never change):
///   sized from | sized to (empty: no end)
std::string encode_key_range(const KeyRange& range);
/// corrupt, also if it holds no key.
Result<KeyRange> decode_key_range(BytesView bytes);

/// What drops mask. Immutable; any thread may read.
///
/// The pieces lie in leaves that versions of it share, so that one drop more costs the leaf or two
/// that it cuts and the list of leaves, however many drops there are (path copying: Driscoll et
/// al., "Making Data Structures Persistent", 1989; here of a tree of two floors).
class RangeDrops {
 public:
  using Ptr = std::shared_ptr<const RangeDrops>;  ///< Null: none.

  /// REQUIRES: `drop` is newer than all in `before`.
  static Ptr with(const Ptr& before, const RangeDrop& drop);
  /// The same for each, oldest first; of many, in n log n.
  static Ptr with(Ptr before, std::span<const RangeDrop> drops);

  /// The sequence of the newest drop over `key`; 0: there is none.
  Sequence newest_over(BytesView key) const;
  bool masks(BytesView key, Sequence sequence) const;
  /// Whether every key of [first, last] up to `sequence` is masked.
  bool masks_all(BytesView first, BytesView last, Sequence sequence) const;
  /// Equal for keys that the same pieces cover; rises from key to key.
  size_t place_of(BytesView key) const;
  /// Of all drops that are the newest over some key, ascending. The others mask nothing that these
  /// do not.
  std::vector<Sequence> sequences() const;
  size_t pieces() const;
  /// How many leaves `before` does not have: what it cost to make this one of that one.
  size_t leaves_beside(const RangeDrops& before) const;

 private:
  struct Piece {
    KeyRange range;
    Sequence sequence;
  };
  using Leaf = std::vector<Piece>;  // Not empty.
  using Leaves = std::vector<std::shared_ptr<const Leaf>>;
  class Cutter;
  struct Place {
    size_t leaf, piece;
  };
  /// The first piece that ends behind `key`.
  Place place_at(BytesView key) const;
  const Piece* piece_at(Place place) const;
  Place after(Place place) const;

  Leaves leaves_;  // In the order of their keys; no pieces overlap, none is empty.
};

}  // namespace kv
