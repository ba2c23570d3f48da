#include "libkv/model/record.h"

#include <algorithm>
#include <bit>
#include <set>
#include <tuple>

#include "libkv/base/assert.h"
#include "libkv/base/inline_vector.h"

namespace kv {

namespace {

// Last write wins: the later timestamp, then the greater dot. What follows the dot decides only
// where a dot was used twice, so that even then all replicas settle on the same one.
bool is_older(const Sibling& a, const Sibling& b) {
  return std::tie(a.timestamp, a.dot, a.put, a.attempt, a.tombstone, a.value, a.expiry) <
         std::tie(b.timestamp, b.dot, b.put, b.attempt, b.tombstone, b.value, b.expiry);
}

const Sibling& newer_of(const Sibling& a, const Sibling& b) {
  return is_older(a, b) ? b : a;
}

bool is_superseded(const Sibling& sibling, const CausalContext& by) {
  return by.covers(sibling.dot) || by.covers(sibling.put, sibling.attempt);
}

// Both lists are sorted by dot, so one walk over both keeps the order.
std::vector<Sibling> merge_causal(const Record& a, const Record& b) {
  std::vector<Sibling> merged;
  merged.reserve(std::max(a.siblings.size(), b.siblings.size()));
  auto left = a.siblings.begin();
  auto right = b.siblings.begin();
  while (left != a.siblings.end() || right != b.siblings.end()) {
    const bool only_left =
        right == b.siblings.end() || (left != a.siblings.end() && left->dot < right->dot);
    const bool only_right =
        left == a.siblings.end() || (right != b.siblings.end() && right->dot < left->dot);
    if (only_left) {
      if (!is_superseded(*left, b.context)) merged.push_back(*left);
      ++left;
    } else if (only_right) {
      if (!is_superseded(*right, a.context)) merged.push_back(*right);
      ++right;
    } else {
      merged.push_back(newer_of(*left, *right));
      ++left;
      ++right;
    }
  }
  return merged;
}

std::vector<Sibling> merge_last_write_wins(const Record& a, const Record& b) {
  const Sibling* newest = nullptr;
  for (const Record* record : {&a, &b}) {
    for (const Sibling& sibling : record->siblings) {
      if (newest == nullptr || is_older(*newest, sibling)) newest = &sibling;
    }
  }
  if (newest == nullptr) return {};
  return {*newest};
}

// The digest's input: fixed-width little-endian numbers, each list preceded by its length, so that
// no two records give the same bytes. Compared between members: never change.
class DigestInput {
 public:
  void number(uint64_t value) {
    static_assert(std::endian::native == std::endian::little);
    words_.push_back(value);
  }
  void time(WallTime value) { number(static_cast<uint64_t>(microseconds_of(value))); }

  void context(const CausalContext& context) {
    number(context.actors().size());
    for (const auto& entry : context.actors()) {
      number(entry.actor.packed);
      number(entry.counter);
    }
    number(context.puts().size());
    for (const auto& entry : context.puts()) {
      number(entry.put.client);
      number(entry.put.number);
      number(entry.attempt);
    }
    time(context.newest());
  }

  void sibling(const Sibling& sibling) {
    number(sibling.dot.actor.packed);
    number(sibling.dot.counter);
    number(sibling.put.client);
    number(sibling.put.number);
    number(sibling.attempt);
    number((sibling.tombstone ? 1u : 0u) | (sibling.expiry ? 2u : 0u));
    time(sibling.expiry.value_or(WallTime()));
    time(sibling.timestamp);
    const Hash128 value = hash128(sibling.value.view());
    number(value.high);
    number(value.low);
  }

  Hash128 hash() const {
    return hash128(
        {reinterpret_cast<const char*>(words_.data()), words_.size() * sizeof(uint64_t)});
  }

 private:
  InlineVector<uint64_t, 64> words_;  // A record of up to four siblings, usually.
};

}  // namespace

bool Record::is_dead(WallTime now) const {
  return std::all_of(siblings.begin(), siblings.end(),
                     [now](const Sibling& sibling) { return sibling.is_dead(now); });
}

uint64_t Record::value_bytes() const {
  uint64_t bytes = 0;
  for (const Sibling& sibling : siblings) bytes += sibling.value.size();
  return bytes;
}

Record merge(const Record& a, const Record& b) {
  if (a.is_empty()) return b;
  if (b.is_empty()) return a;
  KV_ASSERT(a.kind == b.kind);
  // Linearizable records are made equal by a get round, never by a merge.
  KV_ASSERT(a.kind != RecordKind::linearizable);
  Record merged;
  merged.kind = a.kind;
  merged.context = a.context;
  merged.context.join(b.context);
  merged.siblings =
      a.kind == RecordKind::last_write_wins ? merge_last_write_wins(a, b) : merge_causal(a, b);
  return merged;
}

Hash128 digest_of(const Record& record) {
  DigestInput input;
  input.number(static_cast<uint64_t>(record.kind));
  input.context(record.context);
  input.number(record.siblings.size());
  for (const Sibling& sibling : record.siblings) input.sibling(sibling);
  return input.hash();
}

std::vector<size_t> visible_siblings(const Record& record, WallTime now) {
  std::vector<size_t> visible;
  std::set<BytesView> shown;
  for (size_t i = 0; i < record.siblings.size(); ++i) {
    const Sibling& sibling = record.siblings[i];
    if (sibling.is_dead(now) || !shown.insert(sibling.value.view()).second) continue;
    visible.push_back(i);
  }
  return visible;
}

}  // namespace kv
