// crash_states [--states N] [--seed S] [--engine lsm|memory] [--meta traced|sqlite]
//
// Runs an engine on a recording disk, then puts it into states that a power loss could have left —
// a prefix of the disk's operations, with what was not synced dropped, kept, torn or partly kept,
// and names lost or kept — and checks each:
//   - it opens, and reports no damage;
//   - everything acknowledged as durable before that moment is there;
//   - what is there is a prefix of what was written, and no batch is cut in two;
//   - a second recovery, also after a crash during or after the first, gives the same or, where
//     background work went on, the same pairs.
// Prints one line of counts; exit 1 and the seed and state of the first violation otherwise.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "libkv/base/random.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/proof_options.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

struct Counts {
  uint64_t runs = 0, states = 0, operations = 0, batches = 0, flushes = 0, compactions = 0,
           cut_states = 0, torn_states = 0, violations = 0;
};

struct Acknowledgement {
  size_t operations;
  Sequence durable;
};

/// One recorded run and the crash states made from it.
class CrashRun {
 public:
  CrashRun(uint64_t seed, const ProofOptions& options, Counts& counts)
      : seed_(seed),
        random_(seed),
        counts_(counts),
        on_disk_(options.meta == MetaType::sqlite),
        world_(seed, options.engine, options.meta),
        crashed_(seed ^ 0xc4a54, options.engine, options.meta) {}

  void record() {
    world_.disk.record(true);
    const uint64_t steps = 60 + random_.below(500);
    open(world_);
    for (uint64_t step = 0; step < steps; ++step) {
      write();
      for (uint64_t i = random_.below(6); i > 0; --i) world_.scheduler.run_one();
      if (random_.below(150) == 0) reopen();
    }
    if (random_.chance(0.5)) world_.run_until_idle();
    ++counts_.runs;
    counts_.operations += world_.disk.trace().size();
    counts_.flushes += world_.engine->stats().flushes;
    counts_.compactions += world_.engine->stats().compactions;
  }

  /// In rising order of operations, which is cheapest for the disk. Stops at a violation.
  bool check(uint64_t states) {
    const size_t operations = world_.disk.trace().size();
    const auto& policies = crash_policies();
    for (uint64_t i = 0; i < states; ++i) {
      const size_t at = operations * i / states;
      const CrashPolicy policy = policies[random_.below(policies.size())];
      const bool latest_meta = on_disk_ || random_.chance(0.5);
      if (check_state(at, policy, latest_meta)) continue;
      std::printf("seed %llu, after %zu of %zu operations, %s, metadata %s: %s\n",
                  static_cast<unsigned long long>(seed_), at, operations, to_string(policy).c_str(),
                  latest_meta ? "after" : "before", problem_.c_str());
      ++counts_.violations;
      return false;
    }
    return true;
  }

 private:
  void open(StorageWorld& world) {
    const Status opened = world.open();
    if (!opened) {
      std::printf("seed %llu: open: %s\n", static_cast<unsigned long long>(seed_),
                  opened.error().what.c_str());
      std::exit(1);
    }
    world.engine->on_durable([this](Result<Sequence> durable) {
      if (durable) acknowledged_.push_back({world_.disk.trace().size(), *durable});
    });
  }

  void reopen() {
    if (random_.chance(0.5) && world_.engine->close()) {
      acknowledged_.push_back({world_.disk.trace().size(), history_.last()});
    }
    open(world_);
    history_.cut(world_.engine->recovery().last_sequence);
  }

  void write() {
    WriteBatch batch;
    for (uint64_t i = random_.below(4) + 1; i > 0; --i) {
      const std::string key = "k" + std::to_string(random_.below(120));
      if (random_.below(4) == 0) {
        batch.remove(key);
      } else {
        batch.put(key, std::to_string(random_.next()) +
                           std::string(random_.below(random_.below(12) == 0 ? 4000 : 90), 'x'));
      }
    }
    static constexpr Durability kChoices[] = {Durability::always, Durability::always,
                                              Durability::interval, Durability::none};
    const auto last = world_.engine->apply(batch, kChoices[random_.below(4)]);
    if (!last) return world_.run_until_idle();
    history_.add(*last, batch);
    ++counts_.batches;
  }

  Sequence promised_at(size_t operations, bool latest_meta) const {
    Sequence promised = 0;
    for (const Acknowledgement& ack : acknowledged_)
      if (ack.operations < operations || (latest_meta && ack.operations == operations))
        promised = std::max(promised, ack.durable);
    return promised;
  }

  bool check_state(size_t at, CrashPolicy policy, bool latest_meta) {
    ++counts_.states;
    crashed_.restore(world_.disk.state_after(at, policy, random_),
                     world_.meta->rows_at(at, latest_meta));
    EngineState first;
    if (!recover(&first)) return false;
    const Sequence last = crashed_.engine->recovery().last_sequence;
    if (last < promised_at(at, latest_meta))
      return violation("acknowledged up to " + std::to_string(promised_at(at, latest_meta)) +
                       ", recovered up to " + std::to_string(last));
    const auto expected = history_.state_at(last);
    if (!expected) return violation("a batch was cut in two at " + std::to_string(last));
    if (first != *expected) return violation("what is there is not a prefix");
    if (last < history_.last()) ++counts_.cut_states;
    if (crashed_.engine->recovery().torn_tail) ++counts_.torn_states;
    return check_again(first, last);
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

  const uint64_t seed_;
  Random random_;
  Counts& counts_;
  const bool on_disk_;  // The metadata is part of the disk's state.
  StorageWorld world_;
  StorageWorld crashed_;
  EngineHistory history_;
  std::vector<Acknowledgement> acknowledged_;
  std::string problem_;
};

int run(const ProofOptions& options) {
  constexpr uint64_t kStatesPerRun = 250;
  Counts counts;
  for (uint64_t run = 0; counts.states < options.states && counts.violations == 0; ++run) {
    CrashRun crash_run(options.seed * 1'000'000 + run, options, counts);
    crash_run.record();
    crash_run.check(std::min(kStatesPerRun, options.states - counts.states));
  }
  std::printf(
      "crash_states: %llu states of %llu runs, %llu operations, %llu batches, %llu flushes, "
      "%llu compactions, %llu states cut, %llu torn, %llu violations\n",
      static_cast<unsigned long long>(counts.states), static_cast<unsigned long long>(counts.runs),
      static_cast<unsigned long long>(counts.operations),
      static_cast<unsigned long long>(counts.batches),
      static_cast<unsigned long long>(counts.flushes),
      static_cast<unsigned long long>(counts.compactions),
      static_cast<unsigned long long>(counts.cut_states),
      static_cast<unsigned long long>(counts.torn_states),
      static_cast<unsigned long long>(counts.violations));
  return counts.violations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  const auto options = kv::parse_proof_options(
      argc, argv,
      "crash_states [--states N] [--seed S] [--engine lsm|memory] [--meta traced|sqlite]");
  return options ? kv::run(*options) : 2;
}
