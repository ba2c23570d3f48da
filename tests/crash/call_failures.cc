// call_failures [--stride N] [--seed S] [--seeds N] [--engine lsm|memory] [--meta traced|sqlite]
//
// The Nth call fails, for every N of every kind of call that can fail — open, read, write, sync,
// rename, remove, directory sync, …, no space, the commit of metadata — once and from then on; then
// the power fails too. Nothing is acknowledged that is not there afterwards, nothing false is read,
// and afterwards the engine works again (failing_run.h).
// Prints one line of counts; exit 1 and the first violation otherwise.
#include <array>
#include <cstdio>
#include <string>

#include "tests/crash/failing_run.h"
#include "tests/crash/proof_options.h"

namespace kv {
namespace {

/// In the order of FaultKind.
constexpr std::array<const char*, kFaultKinds> kFaultNames = {
    "any",    "open", "read",      "write",          "sync", "truncate", "rename",
    "remove", "link", "directory", "sync directory", "lock", "no space"};

/// How a commit of metadata can fail.
struct CommitFault {
  const char* name;
  void (*set)(TracedMeta& meta, uint64_t n);
};
constexpr std::array<CommitFault, 6> kCommitFaults = {{
    {"lost", [](TracedMeta& meta, uint64_t n) { meta.fail_nth_commit(n); }},
    {"failed, yet stored", [](TracedMeta& meta, uint64_t n) { meta.fail_nth_commit(n, true); }},
    {"no space",
     [](TracedMeta& meta, uint64_t n) { meta.refuse_nth_commit(n, ErrorKind::no_space); }},
    {"no space from then on",
     [](TracedMeta& meta, uint64_t n) { meta.refuse_nth_commit(n, ErrorKind::no_space, true); }},
    {"busy", [](TracedMeta& meta, uint64_t n) { meta.refuse_nth_commit(n, ErrorKind::busy); }},
    {"busy from then on",
     [](TracedMeta& meta, uint64_t n) { meta.refuse_nth_commit(n, ErrorKind::busy, true); }},
}};

class Sweep {
 public:
  explicit Sweep(const ProofOptions& options) : options_(options) {}

  int run() {
    FailingRun sound = make_run();
    sound.work();
    if (sound.told()) fail_with("no call fails, and yet the engine says so");
    if (options_.engine == EngineType::lsm && sound.compactions() == 0)
      fail_with("a run without a compaction proves little");
    if (sound.rewrites() == 0) fail_with("a run without a recovery that writes proves little");
    const uint64_t commits = sound.world().meta->commits();
    const FaultPlan faults = sound.world().disk.faults();
    judge(sound, "no call");
    sweep_commits(commits);  // First, as they are few.
    for (size_t kind = 0; kind < kFaultKinds; ++kind)
      sweep_calls(static_cast<FaultKind>(kind), faults.calls(static_cast<FaultKind>(kind)));
    std::printf(
        "call_failures: %s: %llu calls (%s), %llu runs, %llu of them told, "
        "%llu compactions, %llu violations\n",
        to_string(options_).c_str(), static_cast<unsigned long long>(calls_), by_kind_.c_str(),
        static_cast<unsigned long long>(runs_), static_cast<unsigned long long>(told_),
        static_cast<unsigned long long>(sound.compactions()),
        static_cast<unsigned long long>(violations_));
    return violations_ == 0 ? 0 : 1;
  }

 private:
  FailingRun make_run() const { return {options_.engine, options_.meta, options_.seed}; }

  void sweep_calls(FaultKind kind, uint64_t calls) {
    const char* name = kFaultNames[static_cast<size_t>(kind)];
    count(name, calls);
    for (uint64_t n = 1; n <= calls && violations_ == 0; n += options_.stride) {
      for (const bool from_then_on : {false, true}) {
        FailingRun run = make_run();
        run.world().disk.fail_nth(n, kind, from_then_on);
        if (from_then_on && (kind == FaultKind::any || kind == FaultKind::read))
          run.expect_alarms();
        run.work();
        judge(run, "call " + std::to_string(n) + " of kind " + name +
                       (from_then_on ? " and all after" : ""));
      }
    }
  }

  void sweep_commits(uint64_t commits) {
    if (options_.meta == MetaType::traced) count("metadata commit", commits);
    for (uint64_t n = 1; n <= commits && violations_ == 0; n += options_.stride) {
      for (const CommitFault& fault : kCommitFaults) {
        FailingRun run = make_run();
        fault.set(*run.world().meta, n);
        run.work();
        judge(run, "metadata commit " + std::to_string(n) + ": " + fault.name);
      }
    }
  }

  void count(const char* name, uint64_t calls) {
    if (calls == 0) return;
    calls_ += (calls + options_.stride - 1) / options_.stride;
    by_kind_ += (by_kind_.empty() ? "" : ", ") + std::to_string(calls) + " " + name;
  }

  /// The power fails in another way each time.
  void judge(FailingRun& run, const std::string& what) {
    if (run.told()) ++told_;
    if (run.problem().empty()) run.check(crash_policies()[runs_ % crash_policies().size()]);
    ++runs_;
    if (!run.problem().empty()) fail_with(what + ": " + run.problem());
  }
  void fail_with(const std::string& problem) {
    ++violations_;
    std::printf("seed %llu, %s\n", static_cast<unsigned long long>(options_.seed), problem.c_str());
  }

  const ProofOptions options_;
  uint64_t calls_ = 0, runs_ = 0, told_ = 0, violations_ = 0;
  std::string by_kind_;
};

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  auto options = kv::parse_proof_options(argc, argv,
                                         "call_failures [--stride N] [--seed S] [--seeds N] "
                                         "[--engine lsm|memory] [--meta traced|sqlite]");
  if (!options) return 2;
  int result = 0;
  for (uint64_t i = 0; i < options->seeds && result == 0; ++i, ++options->seed)
    result = kv::Sweep(*options).run();
  return result;
}
