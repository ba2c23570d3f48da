// The yardstick of memtable_bench, and the memtable's index until the tree was faster.
//
// An ordered set of entries that one thread adds to while others read without locks (Pugh, "Skip
// Lists: A Probabilistic Alternative to Balanced Trees", 1990).
//
//   height 3  head ----------------------> d ------------> end
//   height 2  head --------> b ----------> d ------------> end
//   height 1  head -> a ---> b ---> c ---> d ---> e -----> end
//
// A node is filled completely before it is linked, from the bottom up, each link stored with
// release order; readers load links with acquire order, so a reader that sees a node sees all of
// it. Nodes are never unlinked; they and the bytes of keys and values live in the arena.
#pragma once

#include <atomic>

#include "libkv/base/random.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/memory/arena.h"

namespace kv {

class SkipList {
 public:
  struct Node;

  /// The arena must outlive the list.
  explicit SkipList(Arena& arena);
  SkipList(const SkipList&) = delete;
  SkipList& operator=(const SkipList&) = delete;

  /// Copies the entry in. REQUIRES: one writer at a time; (key, sequence) is not in the list.
  void insert(const Entry& entry);

  // All below: any thread, nullptr where there is no such node.
  const Node* first_at_or_after(BytesView key, Sequence sequence) const;
  const Node* last_before(BytesView key, Sequence sequence) const;
  const Node* first() const;
  const Node* last() const;
  static const Entry& entry(const Node* node);
  static const Node* next(const Node* node);

 private:
  static constexpr int kHeightMax = 14;

  Node* new_node(const Entry& entry, int height);
  int random_height();
  /// The last node before (key, sequence) and the one that was seen to follow it. `after` must not
  /// be loaded again from `before`: the writer may have put a node between that is not wanted.
  struct Gap {
    Node* before;
    Node* after;
  };
  /// The gap at the bottom; the last node before it on each height in `before` if that is not null.
  Gap find_gap(BytesView key, Sequence sequence, Node** before) const;

  Arena& arena_;
  Random random_;
  Node* const head_;
  std::atomic<int> height_{1};
};

}  // namespace kv
