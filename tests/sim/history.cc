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

void History::begin_put(const std::string& key, const msg::ClientPut& put, const Terms& terms,
                        Instant now) {
  ++figures_.puts;
  KeyHistory& history = keys_[key];
  history.open.insert(put.put);
  Put& entry = history.puts[put.put];
  entry.mode = put.mode;
  entry.tombstone = put.tombstone;
  entry.value = put.value;
  entry.ttl = put.ttl;
  entry.begun = now;
  entry.terms = terms;
  entry.sent_context = put.context;
}

void History::end_put(const std::string& key, const msg::ClientPut& put, const msg::PutDone& done,
                      Instant now) {
  KeyHistory& history = keys_[key];
  history.open.erase(put.put);
  Put& entry = history.puts[put.put];
  if (done.answer == Answer::ok) {
    ++figures_.acknowledged;
    entry.acknowledged = true;
    entry.acknowledged_at = now;
    entry.reply_context = done.context;
    entry.slots = done.slots;
    entry.copies = unsigned{done.slots} + done.hints;
    check_backing(key, put.put, entry, done);
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
  asked_[{coordinator, mint.id}] = {
      std::string(mint.key.view()), mint.put, mint.attempt, mint.mode, mint.context, mint.hint_for};
}

void History::saw_made(SimHost coordinator, const msg::MintMade& made) {
  const auto found = asked_.find({coordinator, made.id});
  if (found == asked_.end() || made.answer != Answer::ok) return;
  const Asked asked = found->second;
  check_attempts(asked.key, made.record);
  if (made.repeated) return;
  for (const Sibling& sibling : made.record.siblings) {
    if (!(sibling.put == asked.put) || sibling.attempt != asked.attempt) continue;
    const std::pair<PutId, Attempt> what{sibling.put, sibling.attempt};
    if (const auto [at, is_new] = made_.insert({{asked.key, sibling.dot}, what});
        !is_new && at->second != what)
      say(asked.key + ": twice: one dot was made for the puts " + shown(at->second.first) +
          " and " + shown(sibling.put));
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

void History::saw_durable(SimHost coordinator, SimHost member, const msg::MintDurable& durable) {
  const auto found = asked_.find({coordinator, durable.id});
  if (found == asked_.end() || durable.answer != Answer::ok) return;
  note_holder(found->second.key, found->second.put, member, found->second.hint_for);
}

void History::saw_read(SimHost asker, const msg::Read& read) {
  asked_to_read_[{asker, read.id}] = std::string(read.key.view());
}

void History::saw_read_done(SimHost asker, const msg::ReadDone& done) {
  const auto found = asked_to_read_.find({asker, done.id});
  if (found != asked_to_read_.end()) check_attempts(found->second, done.record);
}

void History::saw_merge(SimHost asker, const msg::Merge& merge) {
  check_attempts(std::string(merge.key.view()), merge.record);
  AskedToMerge& asked = asked_to_merge_[{asker, merge.id}];
  asked = {std::string(merge.key.view()), merge.record.context, merge.hint_for};
}

void History::saw_merged(SimHost asker, SimHost member, const msg::Merged& merged) {
  const auto found = asked_to_merge_.find({asker, merged.id});
  if (found == asked_to_merge_.end() || merged.answer != Answer::ok) return;
  // Also what covers a put, in its place, is as good: a repeated mint may answer with that.
  const AskedToMerge& asked = found->second;
  const auto history = keys_.find(asked.key);
  if (history == keys_.end()) return;
  for (const PutId& id : history->second.open)
    if (covers_any(asked.context, id, history->second.puts.at(id)))
      note_holder(asked.key, id, member, asked.hint_for);
}

void History::note_holder(const std::string& key, const PutId& id, SimHost member,
                          const msg::Members& hint_for) {
  const auto history = keys_.find(key);
  if (history == keys_.end()) return;
  const auto found = history->second.puts.find(id);
  if (found == history->second.puts.end()) return;
  Put& put = found->second;
  if (hint_for.empty()) {
    put.direct.insert(static_cast<MemberNumber>(member));
  } else {
    put.hinted.insert(hint_for.begin(), hint_for.end());
  }
}

// No slot moves here: a slot is its owner. Answers are seen when they are sent, those to any of the
// put's attempts count, and so does a late one to a dead coordinator: never too few.
void History::check_backing(const std::string& key, const PutId& id, const Put& put,
                            const msg::PutDone& done) {
  std::set<MemberNumber> all = put.direct;
  all.insert(put.hinted.begin(), put.hinted.end());
  const size_t counted = put.terms.strict ? put.direct.size() : all.size();
  const bool fewer = counted < put.terms.w || put.direct.size() < done.slots ||
                     all.size() < size_t{done.slots} + done.hints;
  if (fewer)
    violation(key + ": unbacked: put " + shown(id) + " was answered ok with " +
              std::to_string(done.slots) + " slots and " + std::to_string(done.hints) +
              " hints, W=" + std::to_string(put.terms.w) + ", but " +
              std::to_string(put.direct.size()) + " slots hold it, " + std::to_string(all.size()) +
              " with hints");
}

void History::saw_sent_twice(BytesView key, const PutId& id) {
  const auto history = keys_.find(std::string(key));
  if (history == keys_.end()) return;
  const auto put = history->second.puts.find(id);
  if (put != history->second.puts.end()) put->second.sent_twice = true;
}

bool History::may_be_made_twice(const std::string& key, const PutId& id) const {
  const auto history = keys_.find(key);
  if (history == keys_.end()) return false;
  const auto put = history->second.puts.find(id);
  return put != history->second.puts.end() && put->second.sent_twice;
}

// A later attempt covers every earlier one, so that no merge leaves both.
void History::check_attempts(const std::string& key, const Record& record) {
  for (size_t i = 0; i < record.siblings.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (record.siblings[i].put == record.siblings[j].put &&
          !may_be_made_twice(key, record.siblings[i].put))
        say(key + ": twice: the attempts " + std::to_string(record.siblings[j].attempt) + " and " +
            std::to_string(record.siblings[i].attempt) + " of put " +
            shown(record.siblings[i].put) + " in one record");
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

/// The highest attempt of the put that the context covers; 0: none.
Attempt History::attempt_known(const CausalContext& context, const PutId& id, const Put& put) {
  Attempt known = context.attempt_of(id);
  for (const auto& [attempt, mints] : put.mints)
    for (const Mint& mint : mints)
      if (context.covers(mint.dot)) known = std::max(known, attempt);
  return known;
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
  }
  judge_ghosts(key, history, visible);
  judge_left(key, history, visible);
}

void History::judge_ghosts(const std::string& key, const KeyHistory& history,
                           const Record& visible) {
  for (const auto& [id, put] : history.puts) {
    if (!put.acknowledged || put.copies <= copies_lost_) continue;
    const CausalContext cover = claimed_cover(put);
    for (const Sibling& sibling : visible.siblings) {
      if (sibling.put == id) continue;
      const auto shown_put = history.puts.find(sibling.put);
      const bool later_attempt =
          shown_put != history.puts.end() && !shown_put->second.sent_twice &&
          attempt_known(cover, sibling.put, shown_put->second) >= sibling.attempt;
      if (later_attempt || cover.covers(sibling.dot))
        say(key + ": ghost: put " + shown(sibling.put) + " is visible, but the acknowledged " +
            shown(id) + " covered it");
    }
  }
}

// Where both were acknowledged by slots of which one held the earlier put when it took the plain
// one, that one's answer had the plain put cover it. With strict quorums that is so of every
// attempt; else only of a put that was attempted once.
bool History::replaces(const Put& plain, const Put& put) const {
  if (!plain.acknowledged || plain.mode != PutMode::over_what_is_there) return false;
  if (plain.begun < put.acknowledged_at || plain.copies <= copies_lost_) return false;
  const bool once = plain.mints.size() == 1;
  if (!plain.terms.strict && !once) return false;
  const unsigned slots = plain.terms.strict ? std::min(plain.slots, plain.terms.w) : plain.slots;
  return put.slots + slots > plain.terms.n + copies_lost_;
}

void History::judge_left(const std::string& key, const KeyHistory& history, const Record& visible) {
  for (const Sibling& sibling : visible.siblings) {
    const auto found = history.puts.find(sibling.put);
    if (found == history.puts.end() || !found->second.acknowledged) continue;
    const Put& put = found->second;
    if (put.sent_twice) continue;
    if (attempt_known(put.reply_context, sibling.put, put) < sibling.attempt) continue;
    for (const auto& [id, plain] : history.puts)
      if (!(id == sibling.put) && replaces(plain, put))
        say(key + ": left: put " + shown(sibling.put) + " is visible, but the plain put " +
            shown(id) + " began after it was acknowledged");
  }
}

bool History::binds_strict(const Put& put, unsigned r, unsigned n) const {
  return put.acknowledged && put.terms.strict && put.terms.w + r > n && put.copies > copies_lost_ &&
         !put.mints.empty();
}

void History::end_strict_get(const std::string& key, const msg::GetDone& done,
                             const StrictGet& get) {
  if (done.answer != Answer::ok && done.answer != Answer::not_found) return;
  ++figures_.gets_checked;
  KeyHistory& history = keys_[key];
  check_strict(key, done.record, get, "get");
  for (const auto& [earlier, context] : history.strict_gets)
    if (earlier.ended <= get.began && earlier.r + get.r > get.n && earlier.r > copies_lost_ &&
        !done.record.context.covers(context))
      say(key + ": stale: a strict get went backwards, from " + to_string(context) + " to " +
          to_string(done.record.context));
  history.strict_gets.emplace_back(get, done.record.context);
}

void History::saw_strict_row(const std::string& key, const Record& visible, const StrictGet& scan) {
  check_strict(key, visible, scan, "scan");
}

void History::check_strict(const std::string& key, const Record& visible, const StrictGet& read,
                           const char* what) {
  for (const auto& [id, put] : keys_[key].puts) {
    if (!binds_strict(put, read.r, read.n) || put.acknowledged_at > read.began) continue;
    if (!covers_any(visible.context, id, put))
      say(key + ": stale: a strict " + what + " does not know the put " + shown(id) +
          " acknowledged before it began; it knows " + to_string(visible.context));
  }
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
