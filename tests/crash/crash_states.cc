// crash_states [--states N] [--per-run N] [--seed S] [--engine lsm|memory] [--meta traced|sqlite]
//
// Runs an engine on a recording disk (recorded_run.h), then puts it into the states that a power
// loss could have left — after each prefix of the disk's operations, with what was not synced
// dropped, kept, torn or partly kept, and names lost or kept — and checks each:
//   - the check of a directory offline finds no damage in it (each seventh is given to it);
//   - it opens, and reports no damage;
//   - everything acknowledged as durable before that moment is there;
//   - what is there is a prefix of what was written, and no batch is cut in two;
//   - gets, one and many, say what walks say;
//   - a checkpoint that was done before that moment opens and holds what it should, and one that
//     was not does so, too, or does not open;
//   - a second recovery, also after a crash during or after the first, gives the same or, where
//     background work went on, the same pairs.
// A run's states are all prefixes × all policies; of a run with more than --per-run, and of the
// last one, so many are taken, spread evenly. Prints one line of counts; exit 1 and the seed and
// state of the first violation otherwise.
#include <cstdio>
#include <string>

#include "tests/crash/offline_check.h"
#include "tests/crash/proof_options.h"
#include "tests/crash/recorded_run.h"

namespace kv {
namespace {

struct StateCounts {
  uint64_t states = 0, checked_offline = 0, cut = 0, torn = 0, copies = 0;
};
/// It costs as much as the recovery. A prime: each policy has its turn.
constexpr uint64_t kOfflineShare = 7;

/// The crash states of one recorded run.
class CrashStates {
 public:
  CrashStates(uint64_t seed, const ProofOptions& options, RecordedRun& run, StateCounts& counts)
      : random_(seed ^ 0xc4a54),
        on_disk_(options.meta == MetaType::sqlite),
        run_(run),
        counts_(counts),
        crashed_(seed ^ 0xc4a54, options.engine, options.meta) {
    crashed_.vary(seed);
  }

  /// All of them, or `states_max` spread evenly. The first violation ends it and is told.
  std::optional<std::string> check(uint64_t states_max) {
    const auto& policies = crash_policies();
    const uint64_t all = (run_.operations() + 1) * policies.size();
    const uint64_t wanted = std::min(all, states_max);
    for (uint64_t i = 0; i < wanted; ++i) {
      const uint64_t state = all * i / wanted;
      const size_t at = state / policies.size();
      const CrashPolicy policy = policies[state % policies.size()];
      const bool latest_meta = on_disk_ || random_.chance(0.5);
      if (check_state(at, policy, latest_meta)) continue;
      return "after " + std::to_string(at) + " of " + std::to_string(run_.operations()) +
             " operations, " + to_string(policy) + ", metadata " +
             (latest_meta ? "after" : "before") + ": " + problem_;
    }
    return std::nullopt;
  }

 private:
  bool check_state(size_t at, CrashPolicy policy, bool latest_meta) {
    ++counts_.states;
    DiskImage image = run_.disk_at(at, policy, random_);
    if (counts_.states % kOfflineShare == 0 && !check_offline(image, run_.meta_at(at, latest_meta)))
      return false;
    crashed_.restore(std::move(image), run_.meta_at(at, latest_meta));
    EngineState first;
    if (!recover(&first)) return false;
    const Sequence last = crashed_.engine->recovery().last_sequence;
    const Sequence promised = run_.promised_at(at, latest_meta);
    if (last < promised)
      return violation("acknowledged up to " + std::to_string(promised) + ", recovered up to " +
                       std::to_string(last));
    // What was told at just this moment may rest on a commit of metadata that is not in yet.
    const EngineHistory history = run_.history().known_before(latest_meta || at == 0 ? at : at - 1);
    const auto expected = history.state_at(last);
    if (!expected) return violation("a batch was cut in two at " + std::to_string(last));
    if (first != *expected && first != *history.state_at(last, true))
      return violation("what is there is not a prefix");
    if (last < run_.history().last()) ++counts_.cut;
    if (crashed_.engine->recovery().torn_tail) ++counts_.torn;
    return check_gets(first) && check_copies(at) && check_again(first, last);
  }

  /// On a disk of its own: what opens the metadata may have a journal to settle, which is left to
  /// the recovery.
  bool check_offline(const DiskImage& image, const MetaRows& rows) {
    SimScheduler scheduler;
    SimDisk disk;
    disk.restore(image);
    CountingLog log;
    SimEnvironment process(scheduler, disk, log, {});
    Environment& environment = process.environment();
    const std::string path = crashed_.directory + "/meta.db";
    std::unique_ptr<MetaStore> meta = std::make_unique<TracedMeta>(disk, rows);
    if (on_disk_) {
      // Before the first commit there may be no directory.
      const auto is_there = environment.files.exists(path);
      if (is_there && !*is_there) return true;
      auto opened = open_sqlite_meta(environment, path);
      if (!opened) return violation("offline: " + opened.error().what);
      meta = std::move(*opened);
    }
    ++counts_.checked_offline;
    const Status sound = kv::check_offline(environment.files, *meta, path, crashed_.directory);
    // Without a manifest there is nothing to check yet.
    return sound || sound.error().kind == ErrorKind::not_found ||
           violation("offline: " + sound.error().what);
  }

  /// They find keys in another way than walks do: by filters and hash indexes.
  bool check_gets(const EngineState& state) {
    std::vector<std::string> keys;
    for (int i = 0; i < 8; ++i) keys.push_back(RecordedRun::key(random_.below(RecordedRun::kKeys)));
    Engine::Lookups answers = crashed_.multi_get(keys);
    keys.push_back(keys.front());
    answers.push_back(crashed_.get(keys.back()));
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto pair = state.find(keys[i]);
      const bool is_there = pair != state.end();
      if (!answers[i]) return violation("get: " + answers[i].error().what);
      const auto& value = answers[i]->value;
      if (value.has_value() != is_there || (is_there && value->view() != pair->second))
        return violation("a get of " + keys[i] + " and a walk differ");
    }
    return true;
  }

  bool check_copies(size_t at) {
    for (const RecordedRun::Copy& copy : run_.copies()) {
      // Each opening costs as much as the state itself.
      if (!random_.chance(0.3)) continue;
      const auto state = copy.checkpoint.open(crashed_);
      if (!state) return violation(state.error().what);
      if (!*state && copy.done <= at) return violation(copy.checkpoint.directory() + " is gone");
      if (*state && **state != copy.expected && **state != copy.with_pending)
        return violation(copy.checkpoint.directory() + " is not as it was");
      if (*state) ++counts_.copies;
    }
    return true;
  }

  /// Another recovery: after background work, a part of it, or none; after a kill or a power loss.
  bool check_again(const EngineState& first, Sequence last) {
    for (uint64_t i = random_.below(3) * random_.below(20); i > 0; --i)
      crashed_.scheduler.run_one();
    const auto& policies = crash_policies();
    if (random_.chance(0.7)) {
      crashed_.crash(policies[random_.below(policies.size())], random_);
    }
    EngineState second;
    if (!recover(&second)) return false;
    if (second != first || crashed_.engine->recovery().last_sequence != last)
      return violation("the second recovery differs");
    return true;
  }

  bool recover(EngineState* state) {
    const Status opened = crashed_.open();
    if (!opened) return violation("open: " + opened.error().what);
    const RecoveryReport& report = crashed_.engine->recovery();
    if (!report.corruption.empty())
      return violation("false alarm: " + report.corruption[0].file + ": " +
                       report.corruption[0].what);
    auto read = state_of(*crashed_.engine);
    if (!read) return violation("read: " + read.error().what);
    *state = std::move(*read);
    return true;
  }

  bool violation(std::string what) {
    problem_ = std::move(what);
    return false;
  }

  Random random_;
  const bool on_disk_;  // The metadata is part of the disk's state.
  RecordedRun& run_;
  StateCounts& counts_;
  StorageWorld crashed_;
  std::string problem_;
};

void add(RunCounts& sum, const RunCounts& run) {
  sum.operations += run.operations;
  sum.batches += run.batches;
  sum.flushes += run.flushes;
  sum.compactions += run.compactions;
  sum.refused += run.refused;
  sum.waits_for_room += run.waits_for_room;
  sum.commits_refused += run.commits_refused;
  sum.drops += run.drops;
  sum.checkpoints += run.checkpoints;
  sum.ingests += run.ingests;
}

void print(const ProofOptions& options, uint64_t runs, const RunCounts& counts,
           const StateCounts& states, bool violated) {
  const auto number = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  std::printf(
      "crash_states: %s: %llu states of %llu runs, %llu operations, %llu batches, %llu ranges "
      "dropped, %llu ingests, %llu checkpoints, %llu times opened, %llu flushes, %llu compactions, "
      "%llu checked offline, %llu writes refused, "
      "%llu waits for room, %llu commits to refuse, %llu states cut, %llu torn, "
      "%d violations\n",
      to_string(options).c_str(), number(states.states), number(runs), number(counts.operations),
      number(counts.batches), number(counts.drops), number(counts.ingests),
      number(counts.checkpoints), number(states.copies), number(counts.flushes),
      number(counts.compactions), number(states.checked_offline), number(counts.refused),
      number(counts.waits_for_room), number(counts.commits_refused), number(states.cut),
      number(states.torn), violated ? 1 : 0);
}

int run(const ProofOptions& options) {
  RunCounts counts;
  StateCounts states;
  std::optional<std::string> problem;
  uint64_t runs = 0;
  for (; states.states < options.states && !problem; ++runs) {
    const uint64_t seed = options.seed * 1'000'000 + runs;
    RecordedRun recorded(seed, options.engine, options.meta);
    problem = recorded.record();
    add(counts, recorded.counts());
    const uint64_t wanted = std::min(options.states - states.states, options.states_per_run);
    if (!problem) problem = CrashStates(seed, options, recorded, states).check(wanted);
    if (problem)
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), problem->c_str());
  }
  print(options, runs, counts, states, problem.has_value());
  return problem ? 1 : 0;
}

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  const auto options = kv::parse_proof_options(argc, argv,
                                               "crash_states [--states N] [--per-run N] [--seed S] "
                                               "[--engine lsm|memory] [--meta traced|sqlite]");
  return options ? kv::run(*options) : 2;
}
