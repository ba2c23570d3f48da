#include "libkv/storage/memtable/fingerprint_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "libkv/base/assert.h"
#include "libkv/base/hash.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

namespace {

constexpr size_t kCacheLine = 64;
/// Children of an inner node. Each split of a leaf copies the inner node above it.
constexpr size_t kFanMax = 16;
/// The halves of an inner node have at least eight children: 8^15 keys would be needed for more.
constexpr size_t kDepthMax = 16;
/// So many arrivals in ascending order are no accident but a run that will go on.
constexpr size_t kRun = 8;

uint8_t fingerprint_of(BytesView key) {
  return static_cast<uint8_t>(hash64(key));
}

/// Has the bytes that insert() copies in the cache: one after the other's memory is waited for at
/// the same time. Told to prefetch them, the processor waits for a part of them later all the same.
void touch(std::span<const Entry* const> entries) {
  const auto read = [](const char* at) {
    static_cast<void>(*static_cast<const volatile char*>(at));
  };
  for (const Entry* entry : entries) {
    if (!entry->key.empty()) read(entry->key.data());
    for (size_t at = 0; at < std::min<size_t>(entry->value.size(), 256); at += kCacheLine)
      read(entry->value.data() + at);
  }
}

/// Sets the slices of keys that are in any order.
void rank(std::span<FingerprintTree::Ranked> keys) {
  size_t prefix = ~size_t{0};
  for (const auto& ranked : keys)
    prefix = common_prefix(keys[0].newest->key(), ranked.newest->key(), prefix);
  for (auto& ranked : keys) ranked.slice = key_slice(ranked.newest->key(), prefix);
}

}  // namespace

/// What a descent looks for: the leaf of `key`, that of the keys just below it, or the last.
struct FingerprintTree::Place {
  enum class Where { at, before, last };
  Where where;
  BytesView key;
};

struct FingerprintTree::Node {
  uint16_t level;  // 0: a leaf.
};

struct FingerprintTree::Leaf : Node {
  bool has_run_on = false;  // The writer's: see split().
  std::atomic<uint32_t> count{0};
  std::array<std::atomic<uint64_t>, kLeafSlots / 8> fingerprints{};
  std::array<std::atomic<const ChainedEntry*>, kLeafSlots> slots{};

  Leaf() : Node{0} {}
  /// Where `key` is, or nullptr.
  std::atomic<const ChainedEntry*>* find(BytesView key, uint8_t fingerprint);
  void append(const ChainedEntry* entry, uint8_t fingerprint);
  uint8_t fingerprint(size_t slot) const {
    const uint64_t word = fingerprints[slot / 8].load(std::memory_order_relaxed);
    return static_cast<uint8_t>(word >> (slot % 8 * 8));
  }
};

std::atomic<const ChainedEntry*>* FingerprintTree::Leaf::find(BytesView key, uint8_t fingerprint) {
  constexpr uint64_t kLows = 0x0101010101010101, kHighs = 0x8080808080808080;
  const size_t used = count.load(std::memory_order_acquire);
  for (size_t word = 0; word * 8 < used; ++word) {
    const uint64_t differing =
        fingerprints[word].load(std::memory_order_relaxed) ^ (kLows * fingerprint);
    // The high bit of each byte that is zero, and of some that are not: the key decides.
    uint64_t matches = (differing - kLows) & ~differing & kHighs;
    for (; matches != 0; matches &= matches - 1) {
      const size_t slot = word * 8 + static_cast<size_t>(std::countr_zero(matches)) / 8;
      if (slot >= used) return nullptr;
      if (slots[slot].load(std::memory_order_acquire)->key() == key) return &slots[slot];
    }
  }
  return nullptr;
}

void FingerprintTree::Leaf::append(const ChainedEntry* entry, uint8_t fingerprint) {
  const size_t slot = count.load(std::memory_order_relaxed);
  auto& word = fingerprints[slot / 8];
  word.store(word.load(std::memory_order_relaxed) | uint64_t{fingerprint} << (slot % 8 * 8),
             std::memory_order_relaxed);
  slots[slot].store(entry, std::memory_order_relaxed);
  count.store(static_cast<uint32_t>(slot + 1), std::memory_order_release);
}

/// Three arrays follow it, just as long as needed: slices, separators, children.
struct FingerprintTree::Inner : Node {
  static constexpr size_t kHeadBytes = 32;
  uint16_t count;         // Of separators; there is one more child.
  uint32_t prefix;        // Bytes that all separators have in common.
  char head[kHeadBytes];  // The first of these: a separator itself is mostly in no cache.

  uint64_t* slices() { return reinterpret_cast<uint64_t*>(this + 1); }
  const uint64_t* slices() const { return reinterpret_cast<const uint64_t*>(this + 1); }
  const ChainedEntry** separators() {
    return reinterpret_cast<const ChainedEntry**>(slices() + count);
  }
  const ChainedEntry* const* separators() const {
    return reinterpret_cast<const ChainedEntry* const*>(slices() + count);
  }
  std::atomic<Node*>* children() const {
    auto* end = const_cast<const ChainedEntry**>(separators() + count);
    return reinterpret_cast<std::atomic<Node*>*>(end);
  }
  static size_t bytes(size_t count) {
    return sizeof(Inner) + count * (sizeof(uint64_t) + 2 * sizeof(void*)) + sizeof(void*);
  }
  size_t child_for(const Place& place) const;
  int compare_prefix(BytesView key) const;
  bool is_below(BytesView key, size_t separator) const;
  size_t separators_up_to(BytesView key, bool inclusive) const;
};

size_t FingerprintTree::Inner::child_for(const Place& place) const {
  if (place.where == Place::Where::last) return count;
  return separators_up_to(place.key, place.where == Place::Where::at);
}

/// Where `key` is: below all that begins with the separators' prefix, within that, or above it.
int FingerprintTree::Inner::compare_prefix(BytesView key) const {
  const BytesView known(head, std::min<size_t>(prefix, kHeadBytes));
  const int order = key.substr(0, known.size()).compare(known);
  if (order != 0 || prefix <= kHeadBytes) return order;
  return key.substr(0, prefix).compare(separators()[0]->key().substr(0, prefix));
}

/// Whether `key` is below that separator, which is looked at only where the slices do not tell.
bool FingerprintTree::Inner::is_below(BytesView key, size_t separator) const {
  const int order = compare_prefix(key);
  if (order != 0) return order < 0;
  const uint64_t slice = key_slice(key, prefix);
  if (slice != slices()[separator]) return slice < slices()[separator];
  return key < separators()[separator]->key();
}

/// How many separators are below `key`, or at it if `inclusive`.
size_t FingerprintTree::Inner::separators_up_to(BytesView key, bool inclusive) const {
  const int order = compare_prefix(key);
  if (order != 0) return order < 0 ? 0 : count;
  const uint64_t slice = key_slice(key, prefix);
  size_t from = 0;
  for (size_t left = count; left > 0;) {
    const size_t half = left / 2;
    const bool above = slices()[from + half] < slice;
    from = above ? from + half + 1 : from;
    left = above ? left - half - 1 : half;
  }
  if (from == count || slices()[from] != slice) return from;
  size_t to = from + 1;
  while (to < count && slices()[to] == slice) ++to;
  const auto is_up_to = [&](const ChainedEntry* separator) {
    return inclusive ? separator->key() <= key : separator->key() < key;
  };
  const auto* begin = separators();
  return static_cast<size_t>(std::partition_point(begin + from, begin + to, is_up_to) - begin);
}

/// The way from the root to a leaf.
struct FingerprintTree::Path {
  struct Step {
    Inner* inner;
    size_t child;
  };
  std::array<Step, kDepthMax> steps;
  size_t depth = 0;

  /// The separators next to the leaf, which may belong to nodes far above it.
  const ChainedEntry* low() const {
    for (size_t at = depth; at-- > 0;)
      if (steps[at].child > 0) return steps[at].inner->separators()[steps[at].child - 1];
    return nullptr;
  }
  const ChainedEntry* high() const {
    const Step* step = step_to_high();
    return step != nullptr ? step->inner->separators()[step->child] : nullptr;
  }
  /// Whether the leaf's range ends above `key`.
  bool ends_above(BytesView key) const {
    const Step* step = step_to_high();
    return step == nullptr || step->inner->is_below(key, step->child);
  }

 private:
  /// Where the separator on the leaf's right is: the first one behind the child that was taken.
  const Step* step_to_high() const {
    for (size_t at = depth; at-- > 0;)
      if (steps[at].child < steps[at].inner->count) return &steps[at];
    return nullptr;
  }
};

/// One node's part of a split: what stands in its place.
struct FingerprintTree::Cut {
  Node* left;
  const ChainedEntry* separator;
  Node* right;
};

/// What an inner node is made of, while it is being changed.
struct FingerprintTree::Fan {
  uint16_t level;
  size_t count = 0;  // Of separators; there is one more child.
  std::array<const ChainedEntry*, kFanMax> separators;
  std::array<Node*, kFanMax + 1> children;

  /// `cut` in place of the child that `step` went to.
  Fan(const Path::Step& step, const Cut& cut);
  /// A root over the halves of the last one.
  explicit Fan(const Cut& cut) : level(static_cast<uint16_t>(cut.left->level + 1)), count(1) {
    separators[0] = cut.separator;
    children[0] = cut.left;
    children[1] = cut.right;
  }
};

FingerprintTree::Fan::Fan(const Path::Step& step, const Cut& cut)
    : level(step.inner->level), count(step.inner->count + 1u) {
  const auto* old_separators = step.inner->separators();
  const auto* old_children = step.inner->children();
  size_t to = 0;
  for (size_t from = 0; from <= step.inner->count; ++from) {
    if (from == step.child) {
      separators[to] = cut.separator;
      children[to++] = cut.left;
      children[to] = cut.right;
    } else {
      children[to] = old_children[from].load(std::memory_order_relaxed);
    }
    if (from < step.inner->count) separators[to] = old_separators[from];
    ++to;
  }
}

FingerprintTree::FingerprintTree(Arena& arena) : arena_(arena), root_(new_leaf()) {}

FingerprintTree::Leaf* FingerprintTree::new_leaf() {
  return new (arena_.allocate(sizeof(Leaf), kCacheLine)) Leaf;
}

/// Of the separators [from, to) and the children around them.
FingerprintTree::Inner* FingerprintTree::new_inner(const Fan& fan, size_t from, size_t to) {
  const size_t count = to - from;
  auto* inner = new (arena_.allocate(Inner::bytes(count))) Inner;
  inner->level = fan.level;
  inner->count = static_cast<uint16_t>(count);
  inner->prefix = static_cast<uint32_t>(
      common_prefix(fan.separators[from]->key(), fan.separators[to - 1]->key(), ~size_t{0}));
  std::memcpy(inner->head, fan.separators[from]->key().data(),
              std::min<size_t>(inner->prefix, Inner::kHeadBytes));
  for (size_t i = 0; i < count; ++i) {
    inner->separators()[i] = fan.separators[from + i];
    inner->slices()[i] = key_slice(fan.separators[from + i]->key(), inner->prefix);
  }
  for (size_t i = 0; i <= count; ++i)
    new (inner->children() + i) std::atomic<Node*>(fan.children[from + i]);
  return inner;
}

FingerprintTree::Leaf* FingerprintTree::descend(const Place& place, Path& path) const {
  Node* node = root_.load(std::memory_order_acquire);
  while (node->level > 0) {
    auto* inner = static_cast<Inner*>(node);
    const size_t child = inner->child_for(place);
    path.steps[path.depth++] = {inner, child};
    node = inner->children()[child].load(std::memory_order_acquire);
  }
  return static_cast<Leaf*>(node);
}

const ChainedEntry* FingerprintTree::find(BytesView key) const {
  Path path;
  const auto* slot = descend({Place::Where::at, key}, path)->find(key, fingerprint_of(key));
  return slot != nullptr ? slot->load(std::memory_order_acquire) : nullptr;
}

void FingerprintTree::insert(const Entry& entry) {
  Path path;
  Leaf* leaf = descend({Place::Where::at, entry.key}, path);
  insert_at(path, leaf, entry);
}

void FingerprintTree::insert_sorted(std::span<const Entry* const> entries) {
  constexpr size_t kTogether = 16;
  Path path;
  Leaf* leaf = nullptr;
  for (size_t at = 0; at < entries.size(); ++at) {
    if (at % kTogether == 0) touch(entries.subspan(at, std::min(kTogether, entries.size() - at)));
    const Entry& entry = *entries[at];
    if (leaf == nullptr || !path.ends_above(entry.key)) {
      path.depth = 0;
      leaf = descend({Place::Where::at, entry.key}, path);
    }
    if (insert_at(path, leaf, entry)) leaf = nullptr;
  }
}

/// True if the leaf at the end of `path` was split, and the path with it.
bool FingerprintTree::insert_at(Path& path, Leaf* leaf, const Entry& entry) {
  const uint8_t fingerprint = fingerprint_of(entry.key);
  if (auto* slot = leaf->find(entry.key, fingerprint)) {
    const ChainedEntry* older = slot->load(std::memory_order_relaxed);
    KV_ASSERT(entry.sequence > older->sequence());
    slot->store(ChainedEntry::create(arena_, entry, older), std::memory_order_release);
    return false;
  }
  const ChainedEntry* added = ChainedEntry::create(arena_, entry, nullptr);
  if (leaf->count.load(std::memory_order_relaxed) == kLeafSlots) {
    split(path, leaf, added, fingerprint);
    return true;
  }
  leaf->append(added, fingerprint);
  return false;
}

/// When a full leaf is split, this key and those above it go to the right: the median, or if the
/// latest of `arrivals` is part of a run, the key after that, or that itself if there is none. The
/// left side, which would otherwise stay half empty for ever, is then one that the run fills.
FingerprintTree::Ranked FingerprintTree::pivot(std::span<const Ranked> arrivals, bool may_run) {
  const Ranked& latest = arrivals.back();
  if (may_run && std::is_sorted(arrivals.end() - kRun, arrivals.end())) {
    const Ranked* next = nullptr;
    for (const Ranked& key : arrivals)
      if (latest < key && (next == nullptr || key < *next)) next = &key;
    return next != nullptr ? *next : latest;
  }
  std::array<Ranked, kLeafSlots + 1> sorted;
  std::copy(arrivals.begin(), arrivals.end(), sorted.begin());
  const auto median = sorted.begin() + kLeafSlots / 2;
  std::nth_element(sorted.begin(), median, sorted.end());
  return *median;
}

void FingerprintTree::split(Path& path, Leaf* full, const ChainedEntry* added,
                            uint8_t fingerprint) {
  std::array<Ranked, kLeafSlots + 1> keys;
  for (size_t slot = 0; slot < kLeafSlots; ++slot) {
    keys[slot].newest = full->slots[slot].load(std::memory_order_relaxed);
    keys[slot].newest->prefetch();
  }
  keys.back().newest = added;
  rank(keys);
  const Ranked middle = pivot(keys, !full->has_run_on);
  Leaf* right = new_leaf();
  if (middle.newest == added &&
      std::all_of(keys.begin(), keys.end() - 1, [&](const Ranked& key) { return key < middle; })) {
    // Once only: else keys that come below the new leaf's, in descending order, get a leaf each.
    full->has_run_on = true;
    right->append(added, fingerprint);
    return replace(path, {full, added, right});
  }
  Leaf* left = new_leaf();
  for (size_t at = 0; at < keys.size(); ++at) {
    Leaf* side = keys[at] < middle ? left : right;
    side->append(keys[at].newest, at < kLeafSlots ? full->fingerprint(at) : fingerprint);
  }
  replace(path, {left, middle.newest, right});
}

/// Puts the halves of the node at the end of `path` in its place.
void FingerprintTree::replace(Path& path, Cut cut) {
  while (path.depth > 0) {
    const Fan fan(path.steps[--path.depth], cut);
    if (fan.count < kFanMax) return publish(path, new_inner(fan, 0, fan.count));
    const size_t middle = fan.count / 2;
    cut = {new_inner(fan, 0, middle), fan.separators[middle],
           new_inner(fan, middle + 1, fan.count)};
  }
  KV_ASSERT(cut.left->level < kDepthMax);
  publish(path, new_inner(Fan(cut), 0, 1));
}

/// Hangs `node` in at the end of `path`.
void FingerprintTree::publish(const Path& path, Node* node) {
  if (path.depth == 0) return root_.store(node, std::memory_order_release);
  const Path::Step& above = path.steps[path.depth - 1];
  above.inner->children()[above.child].store(node, std::memory_order_release);
}

void FingerprintTree::gather(const Place& place, Page& page) const {
  Path path;
  const Leaf* leaf = descend(place, path);
  page.low = path.low();
  page.high = path.high();
  page.count = leaf->count.load(std::memory_order_acquire);
  for (size_t slot = 0; slot < page.count; ++slot) {
    page.keys[slot].newest = leaf->slots[slot].load(std::memory_order_acquire);
    page.keys[slot].newest->prefetch();
  }
  rank({page.keys.data(), page.count});
}

void FingerprintTree::sort_all(Page& page) {
  std::sort(page.keys.begin(), page.keys.begin() + static_cast<ptrdiff_t>(page.count));
  page.sorted = 0;
}

void FingerprintTree::load(BytesView key, Page& page) const {
  gather({Place::Where::at, key}, page);
  Ranked* const begin = page.keys.data();
  Ranked* const end = begin + page.count;
  Ranked* const from = std::partition(begin, end, [key](const Ranked& ranked) {
    return compare_keys(ranked.newest->key(), key) < 0;
  });
  page.sorted = static_cast<size_t>(from - begin);
  std::sort(from, end);
}

void FingerprintTree::load_before(BytesView key, Page& page) const {
  gather({Place::Where::before, key}, page);
  sort_all(page);
}

void FingerprintTree::load_last(Page& page) const {
  gather({Place::Where::last, {}}, page);
  sort_all(page);
}

}  // namespace kv
