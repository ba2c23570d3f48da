#include "tests/bench/engines/soak.h"

#include <algorithm>

#include <poll.h>

#include "libkv/base/process_memory.h"
#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

namespace {

constexpr size_t kStepsPerTurn = 64;
constexpr size_t kOutstandingMax = 256;  // Reads that wait for the disk.
constexpr uint64_t kWalkKeys = 50;
constexpr size_t kManyKeys = 20;
constexpr Duration kCompletionWait = 60s;
constexpr Duration kLookEvery = 1s;

Duration duration_of(uint64_t nanoseconds) {
  return Duration(static_cast<int64_t>(nanoseconds));
}

}  // namespace

Soak::Soak(const SoakOptions& options)
    : options_(options),
      random_(options.seed),
      model_(options.keys, options.value_bytes),
      environment_(posix_.with(executor_, log_)) {
  log_.set_level(LogLevel::warning);
}

Status Soak::open() {
  KV_ASSIGN(process_.lock, environment_.files.lock_directory(options_.directory));
  KV_ASSIGN(process_.meta, open_sqlite_meta(environment_, options_.directory + "/meta.sqlite"));
  EngineOptions options;
  options.memtable_bytes = kWriteBufferBytes;
  options.block_cache_bytes = kCacheBytes;
  KV_ASSIGN(process_.engine,
            open_lsm_engine(environment_, *process_.meta, options_.directory, options));
  process_.engine->on_durable([this](const Result<Sequence>& durable) {
    if (!durable) return note(fail(durable.error()));
    durable_ = *durable;
    model_.note_durable(*durable);
  });
  return {};
}

Status Soak::run() {
  const Instant began = monotonic_now(), end = began + options_.duration;
  KV_TRY(open());
  while (monotonic_now() < end) {
    KV_TRY(run_until(std::min(end, monotonic_now() + options_.between_stops)));
    KV_TRY(stop());
    KV_TRY(walk_all());
  }
  counts_.seconds = seconds_of(monotonic_now() - began);
  count_engine();
  KV_TRY(process_.engine->close());
  counts_.disk_bytes_end = disk_bytes(options_.directory);
  return {};
}

Status Soak::run_until(Instant end) {
  Instant next_look{};
  for (Instant now = monotonic_now(); now < end; now = monotonic_now()) {
    KV_TRY(turn());
    counts_.turn.record(monotonic_now() - now);
    if (now < next_look) continue;
    next_look = now + kLookEvery;
    look_at_process();
  }
  return {};
}

Status Soak::turn() {
  Engine& engine = *process_.engine;
  engine.begin_turn();
  for (size_t i = 0; i < kStepsPerTurn && outstanding_ < kOutstandingMax; ++i) KV_TRY(step());
  engine.end_turn();
  executor_.submit_reads();
  if (outstanding_ >= kOutstandingMax) KV_TRY(wait_for_something());
  executor_.run_completions();
  engine.on_tick(monotonic_now());
  return noted_;
}

Status Soak::wait_for_something() {
  executor_.submit_reads();  // A completion may have begun some.
  pollfd waiting{executor_.completion_fd(), POLLIN, 0};
  const timespec limit{std::chrono::duration_cast<std::chrono::seconds>(kCompletionWait).count(),
                       0};
  if (ppoll(&waiting, 1, &limit, nullptr) == 1) return {};
  return fail(ErrorKind::unavailable, "the engine completed nothing for a minute");
}

Status Soak::step() {
  const uint64_t what = random_.below(100);
  if (what < 55) {
    if (has_room()) {
      if (what < 40) {
        write(random_number(), what < 8);
      } else {
        return get(random_number(), true);
      }
      return noted_;
    }
    ++counts_.told_to_wait;
  }
  if (what < 92) return get(random_number(), false);
  return what < 96 ? get_many() : walk();
}

/// A tenth of the keys takes half of the work.
uint64_t Soak::random_number() {
  return random_.below(random_.chance(0.5) ? model_.keys() / 10 + 1 : model_.keys());
}

bool Soak::has_room() {
  const Instant at = process_.engine->room_at();
  return at == Instant::min() || at <= monotonic_now();
}

void Soak::write(uint64_t number, bool removal) {
  static constexpr Durability kChoices[] = {Durability::always, Durability::interval,
                                            Durability::interval, Durability::none,
                                            Durability::none};
  batch_.clear();
  if (removal) {
    batch_.remove(Key(number).view());
  } else {
    batch_.put(Key(number).view(), model_.next_value(number));
  }
  const Instant began = monotonic_now();
  const auto sequence = process_.engine->apply(batch_, kChoices[random_.below(5)]);
  counts_.write.record(monotonic_now() - began);
  if (!sequence) {
    if (sequence.error().kind != ErrorKind::busy) return note(fail(sequence.error()));
    ++counts_.refused;
    return;
  }
  if (removal) {
    ++counts_.removals;
    return model_.note_removal(number, *sequence);
  }
  ++counts_.puts;
  model_.note_put(number, *sequence);
}

Status Soak::get(uint64_t number, bool then_write) {
  const Instant began = monotonic_now();
  const auto over = [this, number, then_write, began,
                     expected = model_.held(number)](const Result<Lookup>& found) {
    counts_.read.record(monotonic_now() - began);
    if (!found) return note(fail(found.error()));
    const BytesView value = found->value ? found->value->view() : BytesView();
    note(model_.check(number, found->value ? &value : nullptr, expected));
    if (!then_write) return static_cast<void>(++counts_.gets);
    ++counts_.merges;
    write(number, false);
  };
  if (const auto cached = process_.engine->get_if_cached(Key(number).view())) {
    over(*cached);
    return noted_;
  }
  ++outstanding_;
  process_.engine->get(Key(number).view(), [this, over](const Result<Lookup>& found) {
    --outstanding_;
    over(found);
  });
  return {};
}

Status Soak::get_many() {
  struct Asked {
    uint64_t number;
    Version expected;
  };
  std::vector<Asked> asked;
  std::vector<Key> keys;
  std::vector<BytesView> views;
  for (size_t i = 0; i < kManyKeys; ++i) {
    const uint64_t number = random_number();
    asked.push_back({number, model_.held(number)});
    keys.emplace_back(number);
  }
  for (const Key& key : keys) views.push_back(key.view());
  const auto over = [this, asked = std::move(asked)](const Engine::Lookups& found) {
    ++counts_.many_gets;
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i]) return note(fail(found[i].error()));
      const BytesView value = found[i]->value ? found[i]->value->view() : BytesView();
      note(model_.check(asked[i].number, found[i]->value ? &value : nullptr, asked[i].expected));
    }
  };
  const auto answers = process_.engine->multi_get(views, [this, over](const auto& found) {
    --outstanding_;
    over(found);
  });
  if (answers) {
    over(*answers);
  } else {
    ++outstanding_;
  }
  return noted_;
}

Status Soak::walk() {
  ++counts_.walks;
  const uint64_t first = random_number();
  return check_range(first, std::min(model_.keys(), first + kWalkKeys));
}

Status Soak::walk_all() {
  KV_TRY(check_range(0, model_.keys()));
  return noted_;
}

Status Soak::check_range(uint64_t first, uint64_t end) {
  KeyRange range{std::string(Key(first).view()), std::string(Key(end).view())};
  const auto rows = process_.engine->iterate(range);
  for (uint64_t number = first; number < end; ++number) {
    const Key key(number);
    const bool is_there = rows->valid() && rows->key() == key.view();
    const BytesView value = is_there ? rows->value() : BytesView();
    KV_TRY(model_.check(number, is_there ? &value : nullptr, model_.held(number)));
    if (is_there) rows->next();
  }
  KV_TRY(rows->status());
  if (rows->valid()) return fail(ErrorKind::corrupt, "a walk shows a key that nobody wrote");
  return {};
}

/// A clean stop or a kill, and the next start.
Status Soak::stop() {
  count_engine();
  const bool clean = random_.chance(0.5);
  if (clean) {
    while (outstanding_ > 0) {
      KV_TRY(wait_for_something());
      executor_.run_completions();
    }
    KV_TRY(process_.engine->close());
    ++counts_.clean_stops;
  } else {
    ++counts_.kills;
  }
  const Sequence promised = durable_, last = process_.engine->durable_sequence();
  process_.engine.reset();
  process_.meta.reset();
  process_.lock.reset();
  outstanding_ = 0;
  KV_TRY(open());
  const RecoveryReport& report = process_.engine->recovery();
  if (!report.corruption.empty()) return fail(ErrorKind::corrupt, report.corruption.front().what);
  if (report.last_sequence < std::max(promised, clean ? last : 0))
    return fail(ErrorKind::corrupt, "acknowledged up to " + std::to_string(promised) +
                                        ", recovered up to " +
                                        std::to_string(report.last_sequence));
  counts_.cut += model_.cut(report.last_sequence);
  durable_ = report.last_sequence;
  return {};
}

void Soak::note(Status status) {
  if (noted_ && !status) noted_ = std::move(status);
}

void Soak::count_engine() {
  const EngineStats stats = process_.engine->stats();
  counts_.stalls += stats.stalls;
  counts_.delays += stats.delays;
  counts_.stall_max = std::max(counts_.stall_max, duration_of(stats.stall_nanoseconds_max));
  counts_.delay_max = std::max(counts_.delay_max, duration_of(stats.delay_nanoseconds_max));
  counts_.flushes += stats.flushes;
  counts_.compactions += stats.compactions;
  counts_.user_bytes += stats.bytes_written_user;
  counts_.written_bytes +=
      stats.bytes_written_log + stats.bytes_written_flush + stats.bytes_written_compaction;
}

void Soak::look_at_process() {
  counts_.resident_bytes_max = std::max(counts_.resident_bytes_max, resident_bytes());
  counts_.disk_bytes_max = std::max(counts_.disk_bytes_max, disk_bytes(options_.directory));
}

Figures Soak::figures() const {
  const SoakFigures& c = counts_;
  Figures figures;
  figures.add("seconds", c.seconds, 1).add("keys", model_.keys());
  figures.add("puts", c.puts).add("removals", c.removals).add("gets", c.gets);
  figures.add("many_gets", c.many_gets).add("merges", c.merges).add("walks", c.walks);
  figures.add("clean_stops", c.clean_stops).add("kills", c.kills).add("taken_back", c.cut);
  figures.add("told_to_wait", c.told_to_wait).add("refused", c.refused);
  figures.add("delays", c.delays).add("delay_max_ms", seconds_of(c.delay_max) * 1e3, 3);
  figures.add("stalls", c.stalls).add("stall_max_ms", seconds_of(c.stall_max) * 1e3, 3);
  figures.add("own_wait_max_ms", seconds_of(longest_wait()) * 1e3, 3);
  figures.add_latencies("write_", c.write).add_latencies("read_", c.read);
  figures.add_latencies("turn_", c.turn);
  figures.add("flushes", c.flushes).add("compactions", c.compactions);
  const auto user = static_cast<double>(c.user_bytes);
  figures.add("write_amplification", static_cast<double>(c.written_bytes) / user, 2);
  figures.add("resident_bytes_max", c.resident_bytes_max).add("disk_bytes_max", c.disk_bytes_max);
  return figures.add("disk_bytes_end", c.disk_bytes_end);
}

}  // namespace kv::bench
