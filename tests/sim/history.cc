#include "tests/sim/history.h"

#include <algorithm>

namespace kv {

namespace {

std::string shown(const PutId& put) {
  return std::to_string(put.client) + "/" + std::to_string(put.number);
}

/// The context without one dot: what was known before it was made.
CausalContext without(const CausalContext& context, const Dot& dot) {
  CausalContext rest;
  for (const auto& entry : context.actors()) {
    const bool own = entry.actor == dot.actor && entry.counter == dot.counter;
    const uint64_t counter = own ? entry.counter - 1 : entry.counter;
    if (counter > 0) rest.see(Dot{entry.actor, counter});
  }
  for (const auto& entry : context.puts()) rest.see(entry.put, entry.attempt);
  return rest;
}

}  // namespace

void History::begin_put(const std::string& key, const msg::ClientPut& put, unsigned strict_w,
                        Instant now) {
  ++figures_.puts;
  Put& entry = keys_[key].puts[put.put];
  entry.mode = put.mode;
  entry.tombstone = put.tombstone;
  entry.value = put.value;
  entry.ttl = put.ttl;
  entry.begun = now;
  entry.strict_w = strict_w;
  entry.sent_context = put.context;
}

void History::end_put(const std::string& key, const msg::ClientPut& put, const msg::PutDone& done,
                      Instant now) {
  Put& entry = keys_[key].puts[put.put];
  if (done.answer == Answer::ok) {
    ++figures_.acknowledged;
    entry.acknowledged = true;
    entry.acknowledged_at = now;
    entry.reply_context = done.context;
    entry.copies = unsigned{done.slots} + done.hints;
  } else if (done.answer == Answer::unknown) {
    ++figures_.unknown;
  } else {
    ++figures_.unavailable;
    if (!entry.mints.empty())
      say(key + ": put " + shown(put.put) + " was answered " + to_string(done.answer) +
          " but had been minted");
  }
}

void History::saw_mint(SimHost coordinator, const msg::Mint& mint) {
  asked_[{coordinator, mint.id}] = {std::string(mint.key.view()), mint.put, mint.attempt, mint.mode,
                                    mint.context};
}

void History::saw_made(SimHost coordinator, const msg::MintMade& made) {
  const auto found = asked_.find({coordinator, made.id});
  if (found == asked_.end() || made.answer != Answer::ok || made.repeated) return;
  const Asked asked = found->second;
  for (const Sibling& sibling : made.record.siblings) {
    if (!(sibling.put == asked.put) || sibling.attempt != asked.attempt) continue;
    Mint mint;
    mint.dot = sibling.dot;
    if (asked.mode == PutMode::over_what_is_there) {
      mint.covered = without(made.record.context, sibling.dot);
    } else if (asked.mode == PutMode::over_context) {
      mint.covered = asked.context;
    }
    auto& mints = keys_[asked.key].puts[asked.put].mints[asked.attempt];
    for (const Mint& earlier : mints)
      if (earlier.dot == mint.dot) return;
    mints.push_back(std::move(mint));
  }
}

bool History::covers_any(const CausalContext& covered, const PutId& id, const Put& put) {
  for (const auto& [attempt, mints] : put.mints) {
    if (covered.covers(id, attempt)) return true;
    for (const Mint& mint : mints)
      if (covered.covers(mint.dot)) return true;
  }
  return false;
}

bool History::is_covered_by_another(const KeyHistory& history, const PutId& id) const {
  const Put& put = history.puts.at(id);
  for (const auto& [other_id, other] : history.puts) {
    if (other_id == id) continue;
    for (const auto& [attempt, mints] : other.mints)
      for (const Mint& mint : mints)
        if (covers_any(mint.covered, id, put)) return true;
  }
  return false;
}

CausalContext History::claimed_cover(const Put& put) {
  switch (put.mode) {
    case PutMode::sibling:
      return {};
    case PutMode::over_context:
      return put.sent_context;
    case PutMode::over_what_is_there:
      break;
  }
  CausalContext cover = put.reply_context;
  for (const auto& [attempt, mints] : put.mints)
    for (const Mint& mint : mints) cover = without(cover, mint.dot);
  return cover;
}

// A delete, and what expires, shows by what the record's context knows; whether it hides what it
// covered is judged where ghosts are.
bool History::is_shown(const Record& visible, const PutId& id, const Put& put) {
  if (put.tombstone || put.ttl != Duration::zero()) return covers_any(visible.context, id, put);
  return std::any_of(visible.siblings.begin(), visible.siblings.end(),
                     [&id](const Sibling& sibling) { return sibling.put == id; });
}

void History::judge(const std::string& key, const Record& visible) {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return;
  const KeyHistory& history = found->second;
  for (const auto& [id, put] : history.puts) {
    if (!put.acknowledged) continue;
    if (put.copies > copies_lost_) {
      ++figures_.checked;
      if (!is_shown(visible, id, put) && !is_covered_by_another(history, id))
        say(key + ": lost: the acknowledged put " + shown(id) +
            " is not visible and nothing covered it; there is " + to_string(visible.context));
    }
    if (put.copies <= copies_lost_) continue;
    const CausalContext cover = claimed_cover(put);
    for (const Sibling& sibling : visible.siblings)
      if (!(sibling.put == id) && cover.covers(sibling.dot))
        say(key + ": ghost: put " + shown(sibling.put) + " is visible, but the acknowledged " +
            shown(id) + " covered it");
  }
}

bool History::binds_strict(const Put& put, unsigned r, unsigned n) const {
  return put.acknowledged && put.strict_w != 0 && put.strict_w + r > n &&
         put.copies > copies_lost_ && !put.mints.empty();
}

void History::end_strict_get(const std::string& key, const msg::GetDone& done,
                             const StrictGet& get) {
  if (done.answer != Answer::ok && done.answer != Answer::not_found) return;
  ++figures_.gets_checked;
  KeyHistory& history = keys_[key];
  for (const auto& [id, put] : history.puts) {
    if (!binds_strict(put, get.r, get.n) || put.acknowledged_at > get.began) continue;
    if (!covers_any(done.record.context, id, put))
      say(key + ": stale: a strict get does not know the put " + shown(id) +
          " acknowledged before it began; it knows " + to_string(done.record.context));
  }
  for (const auto& [earlier, context] : history.strict_gets)
    if (earlier.ended <= get.began && earlier.r + get.r > get.n && earlier.r > copies_lost_ &&
        !done.record.context.covers(context))
      say(key + ": stale: a strict get went backwards, from " + to_string(context) + " to " +
          to_string(done.record.context));
  history.strict_gets.emplace_back(get, done.record.context);
}

void History::saw_visible(const std::string& key, const Record& visible, Instant now) {
  const auto found = keys_.find(key);
  for (const Sibling& sibling : visible.siblings) {
    const bool is_known = found != keys_.end() && found->second.puts.count(sibling.put) != 0;
    if (!is_known) {
      violation(key + ": false: a value is shown that no client put there, of " +
                shown(sibling.put));
      continue;
    }
    const Put& put = found->second.puts.at(sibling.put);
    if (put.tombstone || !(put.value == sibling.value))
      violation(key + ": false: put " + shown(sibling.put) + " is shown with other bytes");
    if (put.ttl != Duration::zero() && now > put.begun + put.ttl + kExpirySlack)
      violation(key + ": false: put " + shown(sibling.put) + " is shown long after its expiry");
  }
}

std::set<std::string> History::known_to_strict(const std::vector<std::string>& keys, unsigned r,
                                               unsigned n) const {
  std::set<std::string> known;
  for (const std::string& key : keys) {
    const auto found = keys_.find(key);
    if (found == keys_.end()) continue;
    for (const auto& [id, put] : found->second.puts)
      if (binds_strict(put, r, n)) known.insert(key);
  }
  return known;
}

std::vector<std::string> History::keys() const {
  std::vector<std::string> names;
  for (const auto& [name, history] : keys_) names.push_back(name);
  return names;
}

}  // namespace kv
