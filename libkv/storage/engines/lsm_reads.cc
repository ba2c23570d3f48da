// The LSM engine's part of reads by key. What memory holds is answered at once. Else the look-up
// stops at the block or the section it needs, and goes on when that has come:
//
//   look_up ─▶ stops ─▶ block_reads_ ─▶ look_up goes on ─▶ … ─▶ done
//                └─ no such way, or a table is to be opened ─▶ Lane::read, all of it ─▶ done
#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/engines/lsm_engine.h"
#include "libkv/storage/engines/multi_lookup.h"

namespace kv {

namespace {

/// Into which the keys of a multi_get that need a reading thread are divided.
constexpr size_t kMultiGetRuns = 4;

}  // namespace

/// A key that waits for a block or a section.
struct LsmEngine::PendingGet {
  std::string key;
  std::shared_ptr<const ReadView> view;
  Sequence at = 0;
  std::function<void(Result<Lookup>)> done;
  LookupStop stop{};
  CompactionPace::Wait wait{};  // For the disk.

  /// What memory can answer; else `stop` says what is missing.
  std::optional<Result<Lookup>> look_up(TableCache& cache) {
    return kv::look_up(*view, cache, key, at, ReadMode::cached_only, &stop);
  }
};

std::optional<Result<Lookup>> LsmEngine::get_if_cached(BytesView key) {
  if (closed_) return Result<Lookup>(fail(closed_error()));
  auto answer = look_up(*view_, *cache_, key, log_.last_sequence(), ReadMode::cached_only);
  if (answer) cache_->counters().gets.fetch_add(1, std::memory_order_relaxed);
  return answer;
}

std::vector<std::optional<Result<Lookup>>> LsmEngine::get_many_if_cached(
    std::span<const BytesView> keys) {
  if (closed_) return Engine::get_many_if_cached(keys);
  Lookups found(keys.size());
  const auto missing = look_up_many(*view_, *cache_, keys, log_.last_sequence(), found);
  cache_->counters().gets.fetch_add(keys.size() - missing.size(), std::memory_order_relaxed);
  std::vector<std::optional<Result<Lookup>>> answers(std::make_move_iterator(found.begin()),
                                                     std::make_move_iterator(found.end()));
  for (const size_t index : missing) answers[index].reset();
  if (KV_PLANTED(memory_waits_for_a_lane) && !missing.empty())
    for (auto& answer : answers) answer.reset();
  return answers;
}

void LsmEngine::get(BytesView key, std::function<void(Result<Lookup>)> done) {
  cache_->counters().gets.fetch_add(1, std::memory_order_relaxed);
  if (closed_) return tell_later(std::move(done), fail(closed_error()));
  const auto pending = std::make_shared<PendingGet>(
      PendingGet{std::string(key), view_, log_.last_sequence(), std::move(done)});
  if (auto answer = pending->look_up(*cache_)) {
    tell_later(std::move(pending->done), std::move(*answer));
  } else if (!await_piece(pending)) {
    get_on_lane(pending);
  }
}

/// In a later turn, as what a thread finds out.
void LsmEngine::tell_later(std::function<void(Result<Lookup>)> done, Result<Lookup> answer) {
  tasks_.later(Lane::read, [done = std::move(done), answer = std::move(answer)]() mutable {
    done(std::move(answer));
  });
}

/// False: what it stopped at cannot be read beside the loop.
bool LsmEngine::await_piece(const std::shared_ptr<PendingGet>& pending) {
  const LookupStop& stop = pending->stop;
  BlockReads::Then then = [this, pending](const BlockReads::Outcome& read) {
    compaction_pace_.end_wait(pending->wait, environment_.clock.now());
    go_on(pending, read);
  };
  const bool begun =
      stop.section != nullptr
          ? block_reads_.begin(stop.section, stop.block_number, std::move(then))
          : block_reads_.begin(*cache_, *stop.file, pending->key, pending->at, std::move(then));
  if (begun) pending->wait = compaction_pace_.begin_wait(environment_.clock.now());
  return begun;
}

void LsmEngine::go_on(const std::shared_ptr<PendingGet>& pending, const BlockReads::Outcome& read) {
  if (!read) return pending->done(fail(read.error()));
  // What it waits for counts: a hostile table may have a section and a block at one place.
  LookupStop& stop = pending->stop;
  const bool awaits_section = stop.section == nullptr;
  if (awaits_section ? read->section == nullptr : read->block == nullptr)
    return get_on_lane(pending);
  if (awaits_section) {
    stop.section = read->section;
  } else {
    stop.block = read->block;
  }
  if (auto answer = pending->look_up(*cache_)) return pending->done(std::move(*answer));
  if (!await_piece(pending)) get_on_lane(pending);
}

/// It may have waited for the lane until the engine closes, which waits for all that do.
Result<Lookup> LsmEngine::look_up_on_lane(const ReadView& view, TableCache& cache, BytesView key,
                                          Sequence at) {
  if (cache.gets_are_given_up()) return fail(closed_error());
  return *look_up(view, cache, key, at, ReadMode::fill_cache);
}

/// It begins anew there, and holds nothing until then.
void LsmEngine::get_on_lane(const std::shared_ptr<PendingGet>& pending) {
  pending->stop = {};
  const auto answer = std::make_shared<Result<Lookup>>();
  tasks_.run(
      Lane::read,
      [answer, pending, cache = cache_] {
        *answer = look_up_on_lane(*pending->view, *cache, pending->key, pending->at);
      },
      [answer, pending] { pending->done(std::move(*answer)); });
}

/// Those of a multi_get that need a thread, in the order of their keys, so that keys of one block
/// are read one after the other; in a few runs, so that the disk has several to do.
struct LsmEngine::ManyReads {
  struct Wanted {
    std::string key;
    size_t index;
  };
  std::vector<Wanted> wanted;
  std::shared_ptr<const ReadView> view;
  Sequence at = 0;
  Lookups answers;
  size_t left = 0;  // Runs, and keys that wait for a block.
  std::function<void(Lookups)> done;

  void one_over() {
    if (--left == 0) done(std::move(answers));
  }
};

std::optional<Engine::Lookups> LsmEngine::multi_get(std::span<const BytesView> keys,
                                                    std::function<void(Lookups)> done) {
  Lookups answers(keys.size());
  if (closed_) {
    for (Result<Lookup>& answer : answers) answer = fail(closed_error());
    return answers;
  }
  cache_->counters().gets.fetch_add(keys.size(), std::memory_order_relaxed);
  const auto missing = look_up_many(*view_, *cache_, keys, log_.last_sequence(), answers);
  if (missing.empty()) return answers;
  const auto reads = std::make_shared<ManyReads>();
  reads->view = view_;
  reads->at = log_.last_sequence();
  reads->answers = std::move(answers);
  reads->done = std::move(done);
  for (const size_t index : missing) await_one_of(reads, keys[index], index);
  run_on_lanes(reads);
  if (reads->left == 0) return std::move(reads->answers);
  return std::nullopt;
}

/// By a read beside the loop, else it is `wanted` of a thread.
void LsmEngine::await_one_of(const std::shared_ptr<ManyReads>& reads, BytesView key, size_t index) {
  const auto pending = std::make_shared<PendingGet>(
      PendingGet{std::string(key), reads->view, reads->at, [reads, index](Result<Lookup> answer) {
                   reads->answers[index] = std::move(answer);
                   reads->one_over();
                 }});
  if (auto answer = pending->look_up(*cache_)) {
    reads->answers[index] = std::move(*answer);
  } else if (await_piece(pending)) {
    ++reads->left;
  } else {
    reads->wanted.push_back({std::move(pending->key), index});
  }
}

void LsmEngine::run_on_lanes(const std::shared_ptr<ManyReads>& reads) {
  std::vector<ManyReads::Wanted>& wanted = reads->wanted;
  std::sort(wanted.begin(), wanted.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  const size_t run = std::max<size_t>(1, (wanted.size() + kMultiGetRuns - 1) / kMultiGetRuns);
  for (size_t begin = 0; begin < wanted.size(); begin += run) {
    ++reads->left;
    read_some(reads, begin, std::min(begin + run, wanted.size()));
  }
}

void LsmEngine::read_some(const std::shared_ptr<ManyReads>& reads, size_t begin, size_t end) {
  tasks_.run(
      Lane::read,
      [reads, cache = cache_, begin, end] {
        for (size_t i = begin; i < end; ++i) {
          const ManyReads::Wanted& wanted = reads->wanted[i];
          reads->answers[wanted.index] =
              look_up_on_lane(*reads->view, *cache, wanted.key, reads->at);
        }
      },
      [reads] { reads->one_over(); });
}

}  // namespace kv
