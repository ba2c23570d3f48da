// The index of a memtable: a B+-tree of keys whose leaves are not sorted but found by fingerprint,
// that one thread adds to while others read without locks.
//
//                        ┌──────────────────────────────┐
//   inner node           │ prefix   k:00                │   slices: the eight bytes of a separator
//   (never changed but   │ slices   17…   42…   42…     │   behind the prefix; separators are
//   for its children)    │ children ┬   ┬     ┬     ┬   │   looked at where slices are equal
//                        └──────────┼───┼─────┼─────┼───┘
//                                   ▼   ▼     ▼     ▼
//   leaf          ┌───────────────────────────────────────────────────────────┐
//   (only gains   │ count 4 │ fingerprints  a7  1c  90  f3  ──  ──            │  one cache line
//   slots)        │ slots                   k:0042b k:0042 k:0044 k:0043      │  as they came
//                 └─────────────────────────┬─────────────────────────────────┘
//                                           ▼
//                                 newest ──▶ older ──▶ oldest        chained_entry.h
//
// A fingerprint is a byte of the key's hash. A find compares all of a leaf's at once and looks at
// the entries that match, mostly the one that is wanted: it touches one line of fingerprints, one
// of slots, and the entry. The order within a leaf is made when somebody wants it: by a walk
// (Page), which sorts a copy, and by a split, which needs no more than the median.
//
// Unsorted leaves with fingerprints: Oukid et al., "FPTree: A Hybrid SCM-DRAM Persistent and
// Concurrent B-Tree for Storage Class Memory" (2016). Slices: Mao, Kohler, Morris, "Cache
// Craftiness for Fast Multicore Key-Value Storage" (Masstree, 2012).
//
// Why readers need no lock. The writer changes what readers can reach in four ways, each one
// release store to a pointer or count that readers load with acquire order:
//   - a new key: fingerprint and slot are written, then the leaf's count rises over them;
//   - a new version: the slot gets the new entry, whose chain holds the old one;
//   - a split: the new leaves, and copies of the inner nodes that gain a separator or split too,
//     are built completely; then the child pointer above them (or the root) is changed;
//   - a leaf that filled in ascending order stays, and its new right neighbour is made known by the
//     same change of one pointer.
// What a split replaced is not freed and does not change any more. A reader that is still in it
// finds there all that had been published before it began; it misses only what was published since.
// A separator never goes away, and is the first key of the leaf on its right: from a leaf with the
// fences [low, high), however stale, the walk goes on at the leaf that now begins at `high`, or
// that now ends at `low`, and sees nothing twice and misses nothing.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "libkv/storage/memory/arena.h"
#include "libkv/storage/memtable/chained_entry.h"

namespace kv {

class FingerprintTree {
 public:
  /// A full leaf: with the header its fingerprints fill a cache line.
  static constexpr size_t kLeafSlots = 56;

  /// A key's newest version. `slice` orders those of a page that it tells apart.
  struct Ranked {
    uint64_t slice;
    const ChainedEntry* newest;
    bool operator<(const Ranked& other) const {
      return slice != other.slice ? slice < other.slice : newest->key() < other.newest->key();
    }
  };
  /// The keys of one leaf as of one moment.
  struct Page {
    std::array<Ranked, kLeafSlots> keys;
    size_t count = 0;
    /// From here on they are in order; those before are below them.
    size_t sorted = 0;
    /// All keys from low's, up to but without high's, are in this leaf; null: no bound.
    const ChainedEntry* low = nullptr;
    const ChainedEntry* high = nullptr;
  };

  /// The arena must outlive the tree.
  explicit FingerprintTree(Arena& arena);
  FingerprintTree(const FingerprintTree&) = delete;
  FingerprintTree& operator=(const FingerprintTree&) = delete;

  /// Copies the entry in. REQUIRES: one writer at a time; its sequence is above that of every
  /// version of its key.
  void insert(const Entry& entry);
  /// The same for many, ordered by key and of one key the oldest first: the way to the leaf of one
  /// is mostly that of the one before.
  void insert_sorted(std::span<const Entry* const> entries);

  // All below: any thread.

  /// The key's newest version, or nullptr.
  const ChainedEntry* find(BytesView key) const;
  /// The leaf in which `key` is or would be; sorted from the first key that is not below it on, as
  /// who seeks a key mostly goes on behind it.
  void load(BytesView key, Page& page) const;
  /// The leaf in which the last key below `key` is: it is on this page or nowhere.
  void load_before(BytesView key, Page& page) const;
  void load_last(Page& page) const;
  /// Puts all of a page in order.
  static void sort_all(Page& page);

 private:
  struct Node;
  struct Leaf;
  struct Inner;
  struct Fan;
  struct Path;
  struct Place;
  struct Cut;

  Leaf* descend(const Place& place, Path& path) const;
  void gather(const Place& place, Page& page) const;
  static Ranked pivot(std::span<const Ranked> arrivals, bool may_run);
  bool insert_at(Path& path, Leaf* leaf, const Entry& entry);
  Leaf* new_leaf();
  Inner* new_inner(const Fan& fan, size_t from, size_t to);
  void split(Path& path, Leaf* full, const ChainedEntry* added, uint8_t fingerprint);
  void replace(Path& path, Cut cut);
  void publish(const Path& path, Node* node);

  Arena& arena_;
  std::atomic<Node*> root_;
};

}  // namespace kv
