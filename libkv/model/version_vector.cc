#include "libkv/model/version_vector.h"

#include <algorithm>
#include <utility>

namespace kv {

namespace {

constexpr size_t kBirthDigits = 12;  // 48 bits.
constexpr size_t kBirthDigitsShownMin = 2;

std::string birth_digits(Actor actor) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  std::string digits;
  for (int shift = 44; shift >= 0; shift -= 4) {
    digits.push_back(kHexDigits[actor.birth() >> shift & 0xf]);
  }
  return digits;
}

size_t common_prefix(const std::string& a, const std::string& b) {
  const auto differs = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(differs.first - a.begin());
}

// Entries are sorted by a key; the two kinds differ only in what the key and the number are called.
Actor key_of(const CausalContext::ActorEntry& entry) {
  return entry.actor;
}
PutId key_of(const CausalContext::PutEntry& entry) {
  return entry.put;
}
uint64_t& number_of(CausalContext::ActorEntry& entry) {
  return entry.counter;
}
Attempt& number_of(CausalContext::PutEntry& entry) {
  return entry.attempt;
}
uint64_t number_of(const CausalContext::ActorEntry& entry) {
  return entry.counter;
}
Attempt number_of(const CausalContext::PutEntry& entry) {
  return entry.attempt;
}

template <typename Entries, typename Key>
auto position_of(Entries& entries, const Key& key) {
  return std::lower_bound(entries.begin(), entries.end(), key,
                          [](const auto& entry, const Key& k) { return key_of(entry) < k; });
}

template <typename Entries, typename Entry>
void raise(Entries* entries, const Entry& entry) {
  if (number_of(entry) == 0) return;
  const auto at = position_of(*entries, key_of(entry));
  if (at == entries->end() || key_of(*at) != key_of(entry)) {
    entries->insert(at, entry);
  } else if (number_of(*at) < number_of(entry)) {
    number_of(*at) = number_of(entry);
  }
}

template <typename Entries>
bool contains_all(const Entries& entries, const Entries& others) {
  auto at = entries.begin();
  for (const auto& other : others) {
    while (at != entries.end() && key_of(*at) < key_of(other)) ++at;
    if (at == entries.end() || key_of(*at) != key_of(other)) return false;
    if (number_of(*at) < number_of(other)) return false;
  }
  return true;
}

template <typename Entries>
void join_entries(Entries* entries, const Entries& others) {
  // Nearly always one side has nothing new: then nothing is allocated.
  if (contains_all(*entries, others)) return;
  Entries joined;
  joined.reserve(entries->size() + others.size());
  auto a = std::as_const(*entries).begin();
  auto b = others.begin();
  while (a != entries->end() && b != others.end()) {
    if (key_of(*a) < key_of(*b)) {
      joined.push_back(*a++);
    } else if (key_of(*b) < key_of(*a)) {
      joined.push_back(*b++);
    } else {
      joined.push_back(number_of(*a) < number_of(*b) ? *b : *a);
      ++a;
      ++b;
    }
  }
  for (; a != std::as_const(*entries).end(); ++a) joined.push_back(*a);
  for (; b != others.end(); ++b) joined.push_back(*b);
  *entries = std::move(joined);
}

template <typename Entries>
bool is_strictly_sorted(const Entries& entries) {
  for (size_t i = 0; i < entries.size(); ++i) {
    if (number_of(entries[i]) == 0) return false;
    if (i > 0 && !(key_of(entries[i - 1]) < key_of(entries[i]))) return false;
  }
  return true;
}

}  // namespace

Actor Actor::from_packed(uint64_t packed) {
  Actor actor;
  actor.packed = packed;
  return actor;
}

bool CausalContext::covers(const CausalContext& other) const {
  return newest_ >= other.newest_ && contains_all(actors_, other.actors_) &&
         contains_all(puts_, other.puts_);
}

uint64_t CausalContext::counter_of(Actor actor) const {
  const auto at = position_of(actors_, actor);
  return at != actors_.end() && at->actor == actor ? at->counter : 0;
}

Attempt CausalContext::attempt_of(const PutId& put) const {
  const auto at = position_of(puts_, put);
  return at != puts_.end() && at->put == put ? at->attempt : 0;
}

void CausalContext::see(const Dot& dot) {
  raise(&actors_, ActorEntry{dot.actor, dot.counter});
}

void CausalContext::see(const PutId& put, Attempt attempt) {
  raise(&puts_, PutEntry{put, attempt});
}

void CausalContext::join(const CausalContext& other) {
  join_entries(&actors_, other.actors_);
  join_entries(&puts_, other.puts_);
  see(other.newest_);
}

bool CausalContext::assign(ActorEntries actors, PutEntries puts) {
  newest_ = WallTime();
  actors_.clear();
  puts_.clear();
  if (!is_strictly_sorted(actors) || !is_strictly_sorted(puts)) return false;
  actors_ = std::move(actors);
  puts_ = std::move(puts);
  return true;
}

std::string to_string(const CausalContext& context) {
  const auto& actors = context.actors();
  std::string text = "[";
  for (size_t i = 0; i < actors.size(); ++i) {
    const Actor actor = actors[i].actor;
    if (i > 0) text += ", ";
    text += 's' + std::to_string(actor.member());
    // Actors of one member are neighbours in order of birth, so only neighbours share a prefix.
    const std::string digits = birth_digits(actor);
    size_t shown = 0;
    for (const size_t other : {i - 1, i + 1}) {
      if (other >= actors.size() || actors[other].actor.member() != actor.member()) continue;
      const size_t needed = common_prefix(digits, birth_digits(actors[other].actor)) + 1;
      shown = std::max({shown, needed, kBirthDigitsShownMin});
    }
    if (shown > 0) text += '.' + digits.substr(0, std::min(shown, kBirthDigits));
    text += ':' + std::to_string(actors[i].counter);
  }
  return text + ']';
}

}  // namespace kv
