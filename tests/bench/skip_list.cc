#include "tests/bench/skip_list.h"

#include <cstring>
#include <new>

#include "libkv/base/assert.h"

namespace kv {

struct SkipList::Node {
  Entry entry;
  // As many as the node is high; the arena piece is sized for them.
  std::atomic<Node*> links[1];

  Node* next(int level) const { return links[level].load(std::memory_order_acquire); }
  void set_next(int level, Node* node) { links[level].store(node, std::memory_order_release); }
};

SkipList::SkipList(Arena& arena)
    : arena_(arena), random_(0x5eed), head_(new_node({}, kHeightMax)) {}

SkipList::Node* SkipList::new_node(const Entry& entry, int height) {
  const size_t node_bytes =
      sizeof(Node) + sizeof(std::atomic<Node*>) * static_cast<size_t>(height - 1);
  char* memory = arena_.allocate(node_bytes + entry.key.size() + entry.value.size());
  Node* node = new (memory) Node;
  for (int level = 0; level < height; ++level) {
    new (memory + offsetof(Node, links) + sizeof(std::atomic<Node*>) * static_cast<size_t>(level))
        std::atomic<Node*>(nullptr);
  }
  char* bytes = memory + node_bytes;
  if (!entry.key.empty()) std::memcpy(bytes, entry.key.data(), entry.key.size());
  if (!entry.value.empty())
    std::memcpy(bytes + entry.key.size(), entry.value.data(), entry.value.size());
  node->entry = {BytesView(bytes, entry.key.size()), entry.sequence, entry.kind,
                 BytesView(bytes + entry.key.size(), entry.value.size())};
  return node;
}

int SkipList::random_height() {
  int height = 1;
  while (height < kHeightMax && random_.below(4) == 0) ++height;
  return height;
}

SkipList::Gap SkipList::find_gap(BytesView key, Sequence sequence, Node** before) const {
  Gap gap{head_, nullptr};
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    gap.after = gap.before->next(level);
    while (gap.after != nullptr &&
           compare_entries(gap.after->entry.key, gap.after->entry.sequence, key, sequence) < 0) {
      gap.before = gap.after;
      gap.after = gap.before->next(level);
    }
    if (before != nullptr) before[level] = gap.before;
  }
  return gap;
}

void SkipList::insert(const Entry& entry) {
  Node* before[kHeightMax];
  const Node* at = find_gap(entry.key, entry.sequence, before).after;
  KV_ASSERT(at == nullptr || at->entry.sequence != entry.sequence || at->entry.key != entry.key);
  const int height = random_height();
  for (int level = height_.load(std::memory_order_relaxed); level < height; ++level)
    before[level] = head_;
  // A reader that sees the new height early finds null links at the head, which is correct.
  if (height > height_.load(std::memory_order_relaxed))
    height_.store(height, std::memory_order_relaxed);
  Node* node = new_node(entry, height);
  for (int level = 0; level < height; ++level) {
    node->set_next(level, before[level]->next(level));
    before[level]->set_next(level, node);
  }
}

const SkipList::Node* SkipList::first_at_or_after(BytesView key, Sequence sequence) const {
  return find_gap(key, sequence, nullptr).after;
}

const SkipList::Node* SkipList::last_before(BytesView key, Sequence sequence) const {
  const Node* node = find_gap(key, sequence, nullptr).before;
  return node == head_ ? nullptr : node;
}

const SkipList::Node* SkipList::first() const {
  return head_->next(0);
}

const SkipList::Node* SkipList::last() const {
  const Node* node = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    for (const Node* next = node->next(level); next != nullptr; next = node->next(level))
      node = next;
  }
  return node == head_ ? nullptr : node;
}

const Entry& SkipList::entry(const Node* node) {
  return node->entry;
}

const SkipList::Node* SkipList::next(const Node* node) {
  return node->next(0);
}

}  // namespace kv
