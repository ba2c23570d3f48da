// kv_sim: the whole cluster in one thread, under simulated time, network and disks, from a seed.
//
//   kv_sim --seed S [--seeds N] [--hours H] [--seconds T] [--no-faults] [--twice] [--trace]
//          [--only CLASS,CLASS…] [--world NAME] [--stop] [--watch KEY]
//
// Each seed is a cluster of its own; `--hours` and `--seconds` say how long each has faults.
// `--twice` runs each seed again and compares the traces. `--only` names the classes of faults (as
// in the line of figures), which are then frequent. `--world` names the world (sim_world.h); else
// the seed has one. `--stop` ends everything at the first violation. `--watch` prints every message
// about a key, such as `strict/1003`. Prints what was violated and the command that shows it again;
// the last line is one of figures. Exits 1 if anything was violated.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <unistd.h>

#include "tests/sim/sim_run.h"

namespace {

struct Options {
  uint64_t seed = 1;
  uint64_t seeds = 1;
  double seconds = 30;
  bool faults = true, twice = false, trace = false, stop = false;
  const kv::SimWorld* world = nullptr;
  std::string watched, only;
};

struct Totals {
  uint64_t seeds = 0, violated = 0, violations = 0;
  double seconds = 0;
  kv::History::Figures figures;
  kv::FaultCounts faults{};
};

uint64_t current_seed = 0;
double current_seconds = 0;

/// A failed assertion is a violation, too: say of which seed.
extern "C" void on_abort(int) {
  char line[160];
  const int length = std::snprintf(line, sizeof line,
                                   "seed %llu: aborted; again: kv_sim --seed %llu --seconds %g\n",
                                   static_cast<unsigned long long>(current_seed),
                                   static_cast<unsigned long long>(current_seed), current_seconds);
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) < 0) _exit(2);
  _exit(1);
}

int usage(const char* what) {
  std::fprintf(stderr,
               "kv_sim: %s\nusage: kv_sim --seed S [--seeds N] [--hours H] [--seconds T] "
               "[--no-faults] [--twice] [--trace]\n"
               "       [--only CLASS,…] [--world NAME] [--stop] [--watch KEY]\n",
               what);
  return 64;
}

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--no-faults") {
      options->faults = false;
    } else if (name == "--twice") {
      options->twice = true;
    } else if (name == "--trace") {
      options->trace = true;
    } else if (name == "--stop") {
      options->stop = true;
    } else {
      if (i + 1 == argc) return false;
      char* end = nullptr;
      const char* text = argv[++i];
      if (name == "--watch" || name == "--only") {
        (name == "--only" ? options->only : options->watched) = text;
        continue;
      }
      if (name == "--world") {
        options->world = kv::find_world(text);
        if (options->world == nullptr) return false;
        continue;
      }
      const double number = std::strtod(text, &end);
      if (*end != '\0' || number < 0) return false;
      if (name == "--seed") {
        options->seed = std::strtoull(text, nullptr, 10);
      } else if (name == "--seeds") {
        options->seeds = std::strtoull(text, nullptr, 10);
      } else if (name == "--hours") {
        options->seconds = number * 3600;
      } else if (name == "--seconds") {
        options->seconds = number;
      } else {
        return false;
      }
    }
  }
  return true;
}

void add(const kv::SimRunResult& result, Totals* totals) {
  ++totals->seeds;
  totals->violated += result.violations.empty() ? 0 : 1;
  totals->violations += result.violations.size();
  totals->seconds += kv::seconds_of(result.simulated);
  totals->figures.acknowledged += result.figures.acknowledged;
  totals->figures.checked += result.figures.checked;
  totals->figures.unknown += result.figures.unknown;
  totals->figures.unavailable += result.figures.unavailable;
  totals->figures.gets_checked += result.figures.gets_checked;
  totals->figures.scans_checked += result.figures.scans_checked;
  for (size_t i = 0; i < kv::kFaultClasses; ++i) totals->faults[i] += result.faults[i];
}

void run_one(uint64_t seed, const Options& options, Totals* totals) {
  current_seed = seed;
  current_seconds = options.seconds;
  kv::SimRunOptions run;
  run.seed = seed;
  run.time = kv::Duration(static_cast<int64_t>(options.seconds * 1e9));
  run.faults = options.faults;
  run.trace = options.trace;
  run.watched = options.watched;
  run.only = options.only;
  run.world = options.world;
  run.stop = options.stop;
  kv::SimRunResult result = kv::run_seed(run);
  if (options.twice) {
    run.trace = false;
    run.watched.clear();
    if (kv::run_seed(run).trace_hash != result.trace_hash)
      result.violations.push_back("the same seed gave another trace");
  }
  add(result, totals);
  if (options.trace || !result.violations.empty())
    std::printf("seed %llu: %s; trace %016llx\n", static_cast<unsigned long long>(seed),
                result.shape.c_str(), static_cast<unsigned long long>(result.trace_hash));
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < result.violations.size() && i < kShown; ++i)
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                result.violations[i].c_str());
  if (!result.violations.empty())
    std::printf(
        "seed %llu: %zu violations; again: kv_sim --seed %llu --seconds %g%s%s%s%s%s --trace\n",
        static_cast<unsigned long long>(seed), result.violations.size(),
        static_cast<unsigned long long>(seed), options.seconds,
        options.faults ? "" : " --no-faults", options.only.empty() ? "" : " --only ",
        options.only.c_str(), options.world == nullptr ? "" : " --world ",
        options.world == nullptr ? "" : options.world->name);
  std::fflush(stdout);
}

void print(const Totals& totals) {
  std::printf(
      "seeds=%llu hours=%.2f acknowledged_checked=%llu strict_gets_checked=%llu "
      "scans_checked=%llu unknown=%llu unavailable=%llu",
      static_cast<unsigned long long>(totals.seeds), totals.seconds / 3600,
      static_cast<unsigned long long>(totals.figures.checked),
      static_cast<unsigned long long>(totals.figures.gets_checked),
      static_cast<unsigned long long>(totals.figures.scans_checked),
      static_cast<unsigned long long>(totals.figures.unknown),
      static_cast<unsigned long long>(totals.figures.unavailable));
  for (size_t i = 0; i < kv::kFaultClasses; ++i)
    std::printf(" %s=%llu", to_string(static_cast<kv::FaultClass>(i)),
                static_cast<unsigned long long>(totals.faults[i]));
  std::printf(" violations=%llu\n", static_cast<unsigned long long>(totals.violations));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) return usage("wrong arguments");
  std::signal(SIGABRT, on_abort);
  std::printf("kv_sim: seed %llu, %llu of them, %g simulated seconds each\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.seeds), options.seconds);
  Totals totals;
  for (uint64_t seed = options.seed; seed < options.seed + options.seeds; ++seed)
    if (!options.stop || totals.violations == 0) run_one(seed, options, &totals);
  print(totals);
  return totals.violations == 0 ? 0 : 1;
}
