// A process that is killed in the middle of writing, and the opening of what it leaves. The system
// goes on, so that what reached the page cache is there: an engine that passes each write to the
// system loses nothing, synced or not.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libkv/base/assert.h"
#include "tests/bench/engines/workloads.h"
#include "tests/bench/engines/write_workers.h"

namespace kv::bench {

namespace {

constexpr Duration kLookEvery = 200us;

/// How many writes the child has had acknowledged, in memory that both see.
class SharedCount {
 public:
  SharedCount()
      : memory_(mmap(nullptr, sizeof(std::atomic<uint64_t>), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    KV_ASSERT(memory_ != MAP_FAILED);
  }
  ~SharedCount() { munmap(memory_, sizeof(std::atomic<uint64_t>)); }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  std::atomic<uint64_t>& operator*() { return *static_cast<std::atomic<uint64_t>*>(memory_); }

 private:
  void* memory_;
};

/// Reads numbers one after the other and counts the versions that are behind what was issued.
class SurvivorWorker final : public Worker {
 public:
  SurvivorWorker(BenchEngine& engine, Dataset& dataset, uint64_t calls)
      : Worker(engine, dataset, {calls, {}}) {}
  uint64_t missing() const { return missing_; }

 protected:
  std::optional<Result<Begun>> begin() override {
    number_ = next_++;
    key_ = Key(number_);
    return session().begin_get(key_.view(), *this);
  }
  void check_value(size_t, const BytesView* value) override {
    const Version issued = dataset().issued(number_);
    note(dataset().check(number_, value, 0, issued));
    const auto version = value == nullptr ? std::nullopt : dataset().version_of(number_, *value);
    missing_ += issued - std::min(version.value_or(0), issued);
  }
  size_t answers_wanted() const override { return 1; }

 private:
  uint64_t next_ = 0, number_ = 0, missing_ = 0;
  Key key_;
};

/// The child: writes until it is killed.
Status write_without_end(BenchRun& run, std::atomic<uint64_t>& acknowledged) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  KV_TRY(run.begin_empty());
  KV_TRY(run.engine().sync_writes(run.options().sync));
  const WriteWork work{
      .order = WriteOrder::shuffled, .endless = true, .acknowledged = &acknowledged};
  KV_TRY(drive(run.engine(), run.workers([&](WorkerPlace place) {
    return std::make_unique<WriteWorker>(run.engine(), run.dataset(), WorkerLimits(), place, work);
  })));
  return {};
}

/// Waits until the child has written enough, and kills it.
Status kill_when_written(pid_t child, const std::atomic<uint64_t>& acknowledged, uint64_t wanted) {
  int status = 0;
  while (acknowledged.load() < wanted) {
    if (waitpid(child, &status, WNOHANG) != 0)
      return fail(ErrorKind::io, "the writing process ended by itself");
    std::this_thread::sleep_for(kLookEvery);
  }
  kill(child, SIGKILL);
  if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
    return fail(ErrorKind::io, "the writing process was not killed");
  return {};
}

Result<uint64_t> count_missing(BenchRun& run, uint64_t calls) {
  Workers reader;
  auto worker = std::make_unique<SurvivorWorker>(run.engine(), run.dataset(), calls);
  const SurvivorWorker& survivors = *worker;
  reader.push_back(std::move(worker));
  KV_TRY(drive(run.engine(), reader));
  return survivors.missing();
}

/// How many acknowledged writes are gone. A write under way at the end may be there or not.
Result<uint64_t> count_lost(BenchRun& run, uint64_t acknowledged) {
  uint64_t issued = 0;
  for (uint64_t number = 0; number < run.dataset().keys(); ++number)
    issued += run.dataset().issued(number);
  KV_ASSIGN(const uint64_t missing, count_missing(run, run.dataset().keys()));
  const uint64_t lost = missing - std::min(missing, issued - acknowledged);
  if (run.options().sync && lost > 0)
    return fail(ErrorKind::corrupt, std::to_string(lost) + " synced writes are gone");
  return lost;
}

}  // namespace

Result<Figures> crash_and_reopen(BenchRun& run) {
  SharedCount acknowledged;
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) return fail(ErrorKind::io, std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    const Status ended = write_without_end(run, *acknowledged);
    std::fprintf(stderr, "engine_bench: the writing process: %s\n",
                 ended ? "it came to an end" : ended.error().what.c_str());
    _exit(1);
  }
  KV_TRY(kill_when_written(child, *acknowledged, run.options().num));
  if (run.options().cold) KV_TRY(drop_from_page_cache(run.options().directory));

  const double cpu_before = cpu_seconds();
  const Instant began = monotonic_now();
  KV_TRY(run.open(run.options().direct));
  const Instant opened = monotonic_now();
  KV_TRY(count_missing(run, 1));
  const Instant read = monotonic_now();
  Figures figures;
  figures.add("writes", (*acknowledged).load());
  figures.add("open_ms", seconds_of(opened - began) * 1e3, 3);
  figures.add("first_read_ms", seconds_of(read - began) * 1e3, 3);
  figures.add("cpu_seconds", cpu_seconds() - cpu_before, 3);
  figures.add("disk_bytes", disk_bytes(run.options().directory));
  KV_ASSIGN(const uint64_t lost, count_lost(run, *acknowledged));
  return figures.add("writes_lost", lost);
}

}  // namespace kv::bench
