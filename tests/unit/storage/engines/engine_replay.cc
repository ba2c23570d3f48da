#include "tests/unit/storage/engines/engine_replay.h"

#include <algorithm>
#include <cstdio>

#include "tests/crash/prepared_table.h"

namespace kv {

namespace {

constexpr size_t kWalksMax = 3, kSnapshotsMax = 3;

StoreBeside::Pairs pairs_in(const EngineState& state, const KeyRange& range, bool is_reverse) {
  StoreBeside::Pairs pairs;
  for (const auto& pair : state)
    if (pair.first >= range.from && (range.to.empty() || pair.first < range.to))
      pairs.push_back(pair);
  if (is_reverse) std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<std::string> traced_keys(const std::vector<uint32_t>& numbers) {
  std::vector<std::string> keys;
  for (const uint32_t number : numbers) keys.push_back(traced_key(number));
  return keys;
}

/// Keys hold any byte.
std::string quoted(BytesView key) {
  std::string text = "'";
  for (const char c : key) {
    char code[8];
    std::snprintf(code, sizeof(code), "\\x%02x", static_cast<unsigned char>(c));
    text += c >= ' ' && c <= '~' ? std::string(1, c) : code;
  }
  return text + "'";
}

}  // namespace

void ReplayCounts::add(const ReplayCounts& other) {
  answers += other.answers;
  pairs += other.pairs;
  many_on_disk += other.many_on_disk;
  snapshots_read += other.snapshots_read;
  walks += other.walks;
  drops += other.drops;
  ingests += other.ingests;
  checkpoints += other.checkpoints;
  stops += other.stops;
  power_losses += other.power_losses;
  flushes += other.flushes;
  compactions += other.compactions;
  levels = std::max(levels, other.levels);
}

std::optional<std::string> EngineReplay::run(const EngineTrace& trace) {
  world_.emplace(trace.seed, options_.type);
  if (options_.memory_bytes > 0) world_->options.memory_bytes = options_.memory_bytes;
  open();
  for (size_t i = 0; i < trace.commands.size() && !problem_; ++i) {
    std::visit([this](const auto& command) { tell(command); }, trace.commands[i]);
    if (problem_) *problem_ += "\nat " + std::to_string(i) + ": " + to_text(trace.commands[i]);
  }
  if (!problem_) {
    world_->run_until_idle();
    for (const auto& read : reads_) expect(read->is_over, "a read is never answered");
    check_all();
    count_engine();
    forget_readers();
  }
  return problem_;
}

void EngineReplay::expect(bool holds, const std::string& problem) {
  if (!holds && !problem_) problem_ = problem;
}
template <typename Outcome>
bool EngineReplay::succeeds(const Outcome& outcome, const char* what) {
  if (!outcome) expect(false, std::string(what) + ": " + outcome.error().what);
  return static_cast<bool>(outcome);
}

// --- writes ---

EngineState& EngineReplay::changing() {
  frozen_ = nullptr;
  return state_;
}

EngineReplay::StatePtr EngineReplay::state_now() {
  if (frozen_ == nullptr) frozen_ = std::make_shared<const EngineState>(state_);
  return frozen_;
}

void EngineReplay::refused(const Error& error) {
  expect(error.kind == ErrorKind::busy, "refused: " + error.what);
  world_->run_until_idle();
}

void EngineReplay::tell(const command::Write& write) {
  WriteBatch batch;
  for (const auto& [key, value] : write.operations)
    value ? batch.put(traced_key(key), bytes_of(*value)) : batch.remove(traced_key(key));
  if (batch.empty()) return;
  const auto last = world_->engine->apply(batch, write.durability);
  if (!last) return refused(last.error());
  expect(*last == history_.last() + batch.count(), "a batch has a wrong sequence");
  history_.add(*last, batch);
  EngineHistory::apply(changing(), batch);
  if (options_.beside != nullptr) options_.beside->write(batch);
}

void EngineReplay::tell(const command::Drop& drop) {
  const KeyRange range = key_range_of(drop.range);
  const auto last = world_->engine->drop_range(range, drop.durability);
  if (!last) return refused(last.error());
  // A range that can hold no key is nothing to do.
  if (*last == history_.last()) return;
  expect(*last == history_.last() + 1, "a drop has a wrong sequence");
  history_.add(*last, range);
  EngineHistory::apply(changing(), range);
  if (options_.beside != nullptr) options_.beside->drop(range);
  ++counts_.drops;
}

/// Tables that come when they are verified and all before is flushed, and are as old as the call.
void EngineReplay::tell(const command::Ingest& ingest) {
  if (history_.has_pending_ingest() || ingest.pairs.empty()) return;
  EngineState pairs;
  for (const auto& [key, value] : ingest.pairs) pairs[traced_key(key)] = bytes_of(value);
  const std::string path = "made/" + std::to_string(++made_) + ".sst";
  if (!succeeds(prepare_table(*world_, path, pairs), "a table to ingest")) return;
  const auto is_taken = std::make_shared<bool>(false);
  world_->engine->ingest({path}, [this, is_taken](const Result<Sequence>& done) {
    if (*is_taken) settle_ingest(done.has_value());
  });
  // A refused one takes no sequence; one in memory as many as there are pairs.
  const Sequence at = world_->engine->snapshot()->sequence();
  if (at <= history_.last()) return;
  history_.add_ingest(at, pairs);
  if (options_.type == EngineType::memory) return settle_ingest(true);  // A batch, and visible.
  *is_taken = true;
  if (options_.beside == nullptr) return;
  const uint64_t before = counts_.ingests;
  world_->scheduler.run_until_true([this] { return !history_.has_pending_ingest(); });
  if (counts_.ingests > before) options_.beside->ingest(pairs);
}

void EngineReplay::settle_ingest(bool is_in) {
  counts_.ingests += is_in;
  history_.settle_ingest(is_in ? EngineHistory::Ingested::in : EngineHistory::Ingested::out);
  changing() = *history_.state_at(history_.last());
}

/// What became of one that the process did not live to tell of.
void EngineReplay::settle_lost_ingest() {
  if (!history_.has_pending_ingest()) return;
  const auto state = state_of(*world_->engine);
  if (succeeds(state, "a walk after an ingest"))
    settle_ingest(*state == *history_.state_at(history_.last(), true));
}

// --- reads ---

std::shared_ptr<EngineReplay::PendingRead> EngineReplay::begin_read(std::vector<std::string> keys) {
  // An ingest may end meanwhile, and what is written then must not show.
  auto read = std::make_shared<PendingRead>(PendingRead{std::move(keys), state_now()});
  check_beside(read->keys, *read->expected);
  return read;
}

void EngineReplay::answer(PendingRead& read, const Engine::Lookups& lookups) {
  expect(!read.is_over, "a read is answered twice");
  read.is_over = true;
  expect(lookups.size() == read.keys.size(), "many gets have another number of answers");
  for (size_t i = 0; i < std::min(lookups.size(), read.keys.size()); ++i)
    check_lookup(read.keys[i], lookups[i], *read.expected);
}

void EngineReplay::await(const PendingRead& read) {
  world_->scheduler.run_until_true([&read] { return read.is_over; });
  expect(read.is_over, "a read is never answered");
}

void EngineReplay::tell(const command::Get& get) {
  const auto read = begin_read({traced_key(get.key)});
  const auto cached = world_->engine->get_if_cached(read->keys[0]);
  if (cached) check_lookup(read->keys[0], *cached, *read->expected);
  world_->engine->get(read->keys[0],
                      [this, read](const Result<Lookup>& lookup) { answer(*read, {lookup}); });
  expect(!read->is_over, "a get is answered before it returns");
  reads_.push_back(read);
  if (get.waits) await(*read);
}

/// Some keys may be asked for twice, and some need the disk.
void EngineReplay::tell(const command::GetMany& get) {
  const auto read = begin_read(traced_keys(get.keys));
  const std::vector<BytesView> views(read->keys.begin(), read->keys.end());
  const auto at_once = world_->engine->multi_get(
      views, [this, read](const Engine::Lookups& lookups) { answer(*read, lookups); });
  if (at_once) return answer(*read, *at_once);
  ++counts_.many_on_disk;
  reads_.push_back(read);
  if (get.waits) await(*read);
}

void EngineReplay::check_lookup(const std::string& key, const Result<Lookup>& lookup,
                                const EngineState& expected) {
  // It waited for a thread.
  if (is_closing_ && !lookup && lookup.error().kind == ErrorKind::unavailable) return;
  if (!succeeds(lookup, "a get")) return;
  const auto found = expected.find(key);
  const bool is_there = found != expected.end();
  expect(lookup->value.has_value() == is_there,
         "key " + quoted(key) + (is_there ? " is missing" : " is there"));
  if (lookup->value && is_there)
    expect(lookup->value->view() == found->second, "key " + quoted(key) + " has a wrong value");
  ++counts_.answers;
}

void EngineReplay::check_beside(const std::vector<std::string>& keys, const EngineState& expected,
                                const StoreBeside::Snapshot& at) {
  if (options_.beside == nullptr) return;
  const auto values = options_.beside->get(keys, at);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = expected.find(keys[i]);
    expect(values[i] == (found == expected.end() ? std::nullopt : std::optional(found->second)),
           "the store beside says another thing of key " + quoted(keys[i]));
  }
}

void EngineReplay::tell(const command::BeginWalk& walk) {
  if (walks_.size() == kWalksMax) return;
  const KeyRange range = key_range_of(walk.range);
  Pairs expected = pairs_in(state_, range, walk.is_reverse);
  if (options_.beside != nullptr)
    expect(options_.beside->walk(range, walk.is_reverse, nullptr) == expected,
           "a walk of the store beside is another");
  walks_.push_back({world_->engine->iterate(range, walk.is_reverse), std::move(expected)});
}

/// Writes, drops, flushes and compactions since its beginning must not show.
void EngineReplay::tell(const command::EndWalk&) {
  if (walks_.empty()) return;
  check_walk(*walks_.front().walk, walks_.front().expected);
  walks_.pop_front();
}

void EngineReplay::check_walk(EngineIterator& walk, const Pairs& expected) {
  Pairs pairs;
  for (; walk.valid(); walk.next()) pairs.emplace_back(walk.key(), walk.value());
  if (!succeeds(walk.status(), "a walk")) return;
  const auto differ = std::mismatch(pairs.begin(), pairs.end(), expected.begin(), expected.end());
  const bool is_same = differ.first == pairs.end() && differ.second == expected.end();
  const auto key = [](auto at, auto end) { return at == end ? "the end" : quoted(at->first); };
  if (!is_same)
    expect(false, "a walk shows " + key(differ.first, pairs.end()) + " in place of " +
                      key(differ.second, expected.end()));
  ++counts_.walks;
  counts_.pairs += pairs.size();
}

void EngineReplay::tell(const command::TakeSnapshot&) {
  if (snapshots_.size() == kSnapshotsMax) return;
  snapshots_.push_back({world_->engine->snapshot(),
                        options_.beside == nullptr ? nullptr : options_.beside->snapshot(),
                        state_now()});
  expect(snapshots_.back().snapshot->sequence() == history_.last(),
         "a snapshot has a wrong sequence");
}

/// However old, it shows what was then.
void EngineReplay::tell(const command::ReadSnapshot& read) {
  if (snapshots_.empty()) return;
  const HeldSnapshot& held = snapshots_[read.which % snapshots_.size()];
  const std::vector<std::string> keys = traced_keys(read.keys);
  for (const std::string& key : keys) check_lookup(key, held.snapshot->get(key), *held.expected);
  check_beside(keys, *held.expected, held.beside);
  for (const bool is_reverse : {false, true}) {
    const Pairs expected = pairs_in(*held.expected, {}, is_reverse);
    check_walk(*held.snapshot->iterate({}, is_reverse), expected);
    if (options_.beside != nullptr)
      expect(options_.beside->walk({}, is_reverse, held.beside) == expected,
             "a snapshot of the store beside is another");
  }
  ++counts_.snapshots_read;
}

void EngineReplay::tell(const command::ReleaseSnapshot& release) {
  if (snapshots_.empty()) return;
  snapshots_.erase(snapshots_.begin() + release.which % static_cast<ptrdiff_t>(snapshots_.size()));
}

// --- the environment ---

void EngineReplay::tell(const command::Sync&) {
  world_->engine->sync();
}

void EngineReplay::tell(const command::Work& work) {
  for (uint32_t i = 0; i < work.steps; ++i) world_->scheduler.run_one();
}

void EngineReplay::tell(const command::Rest& rest) {
  for (uint32_t i = 0; i < rest.ticks; ++i) {
    world_->scheduler.run_until(world_->scheduler.now() + 3s);
    world_->engine->on_tick(world_->scheduler.now());
  }
  if (options_.beside != nullptr) options_.beside->flush();
}

void EngineReplay::tell(const command::PageCache& cache) {
  world_->disk.set_page_cache(cache.percent);
}

// --- checkpoints ---

/// One at a time, until it was looked at.
void EngineReplay::tell(const command::Checkpoint&) {
  if (copy_) return;
  const std::string directory = "copy" + std::to_string(++made_);
  copy_.emplace(Copy{CheckpointCopy(directory), state_now(),
                     std::make_shared<const EngineState>(*history_.state_at(history_.last(), true)),
                     std::nullopt});
  copy_->checkpoint.ask_for(*world_, [this, directory](const Result<Sequence>& done) {
    if (copy_ && copy_->checkpoint.directory() == directory) copy_->is_made = done.has_value();
  });
}

void EngineReplay::check_copy() {
  if (!copy_) return;
  const auto state = copy_->checkpoint.open(*world_);
  if (succeeds(state, "a checkpoint") && *state)
    expect(**state == *copy_->expected || **state == *copy_->with_pending,
           "a checkpoint holds another thing");
  if (copy_->is_made.value_or(false)) expect(state && *state, "a checkpoint is gone");
  counts_.checkpoints += copy_->is_made.value_or(false);
  copy_.reset();
}

// --- all of it, stops, and losses of power ---

void EngineReplay::tell(const command::CheckAll&) {
  check_all();
}

void EngineReplay::check_all() {
  for (const bool is_reverse : {false, true}) {
    const Pairs expected = pairs_in(state_, {}, is_reverse);
    check_walk(*world_->engine->iterate({}, is_reverse), expected);
    if (options_.beside != nullptr)
      expect(options_.beside->walk({}, is_reverse, nullptr) == expected,
             "a walk of the store beside is another");
  }
  for (uint32_t key = 0; key < kTracedKeys + 2 && !problem_; key += 3)
    tell(command::Get{key, true});
  if (copy_ && copy_->is_made) check_copy();
  std::erase_if(reads_, [](const auto& read) { return read->is_over; });
}

void EngineReplay::open() {
  if (!succeeds(world_->open(), "open")) return;
  acknowledged_ = world_->engine->durable_sequence();
  world_->engine->on_durable([this](const Result<Sequence>& durable) {
    if (succeeds(durable, "the log")) acknowledged_ = *durable;
  });
}

/// Those who read from an engine that is about to end.
void EngineReplay::forget_readers() {
  walks_.clear();
  snapshots_.clear();
  reads_.clear();
}

void EngineReplay::tell(const command::StopAndOpen&) {
  count_engine();
  ++counts_.stops;
  walks_.clear();
  is_closing_ = true;
  const Status closed = world_->engine->close();
  is_closing_ = false;
  if (!succeeds(closed, "close")) return;
  for (const auto& read : reads_) expect(read->is_over, "a read is never answered");
  forget_readers();
  if (options_.beside != nullptr) options_.beside->restart();
  open();
  if (problem_) return;
  const RecoveryReport& report = world_->engine->recovery();
  expect(report.clean, "a clean stop was none");
  expect(report.corruption.empty(), "a false alarm");
  expect(report.last_sequence == history_.last(), "a clean stop lost something");
  settle_lost_ingest();
  check_copy();
  check_all();
}

void EngineReplay::tell(const command::LosePower& loss) {
  if (options_.beside != nullptr) return;
  count_engine();
  ++counts_.power_losses;
  forget_readers();
  Random random(loss.seed);
  world_->crash(loss.policy, random);
  const Sequence promised = acknowledged_;
  open();
  if (problem_) return;
  const RecoveryReport& report = world_->engine->recovery();
  expect(report.corruption.empty(), "a false alarm");
  expect(report.last_sequence >= promised, "what was acknowledged is gone");
  expect(report.last_sequence <= history_.last(), "there is more than was written");
  const auto expected = history_.state_at(report.last_sequence);
  if (!expected) return expect(false, "a batch was cut in two");
  history_.cut(report.last_sequence);
  changing() = *expected;
  settle_lost_ingest();
  check_copy();
  check_all();
}

void EngineReplay::count_engine() {
  const EngineStats stats = world_->engine->stats();
  counts_.flushes += stats.flushes;
  counts_.compactions += stats.compactions;
  counts_.levels = std::max<uint64_t>(counts_.levels, stats.levels);
}

}  // namespace kv
