#include "tests/bench/engines/workloads.h"

#include "tests/bench/engines/read_workers.h"
#include "tests/bench/engines/write_workers.h"

namespace kv::bench {

namespace {

constexpr size_t kBatch = 100;
constexpr uint64_t kPrefixKeys = 50;
/// A seek of a prefix reads so many keys that fewer calls do.
constexpr uint64_t kPrefixCallsDivisor = 10;

Result<Figures> fill(BenchRun& run, const WriteWork& work) {
  KV_TRY(run.begin_empty());
  const uint64_t calls = run.options().num;  // No worker has more; it ends with its numbers.
  const Workers workers = run.workers([&](WorkerPlace place) {
    return std::make_unique<WriteWorker>(run.engine(), run.dataset(),
                                         run.limits(calls, place, true), place, work);
  });
  auto figures = run.measure_writes(workers);
  if (sum_of(workers).keys == run.dataset().keys()) run.is_filled();
  return figures;
}

Result<Figures> fill_sequentially(BenchRun& run) {
  return fill(run, {.order = WriteOrder::sequential});
}
Result<Figures> fill_randomly(BenchRun& run) {
  return fill(run, {.order = WriteOrder::shuffled});
}
Result<Figures> fill_in_batches(BenchRun& run) {
  return fill(run, {.order = WriteOrder::shuffled, .batch = kBatch});
}

Result<Figures> overwrite(BenchRun& run) {
  KV_TRY(run.begin_filled());
  return run.measure_writes(run.workers([&](WorkerPlace place) {
    return std::make_unique<WriteWorker>(run.engine(), run.dataset(),
                                         run.limits(run.options().num, place), place,
                                         WriteWork{.order = WriteOrder::random});
  }));
}

Result<Figures> put_merge(BenchRun& run) {
  KV_TRY(run.begin_filled());
  return run.measure_writes(run.workers([&](WorkerPlace place) {
    return std::make_unique<PutMergeWorker>(run.engine(), run.dataset(),
                                            run.limits(run.options().num, place), place);
  }));
}

Workers getters(BenchRun& run, Wanted wanted) {
  return run.workers([&](WorkerPlace place) {
    return std::make_unique<GetWorker>(run.engine(), run.dataset(),
                                       run.limits(run.options().num, place), place, wanted);
  });
}

Result<Figures> read_randomly(BenchRun& run) {
  KV_TRY(run.begin_filled(BenchRun::Access::reads));
  return run.measure_reads(getters(run, Wanted::present));
}

Result<Figures> read_missing(BenchRun& run) {
  KV_TRY(run.begin_filled(BenchRun::Access::reads));
  return run.measure_reads(getters(run, Wanted::missing));
}

Result<Figures> read_while_writing(BenchRun& run) {
  KV_TRY(run.begin_filled());
  Workers writer;
  writer.push_back(std::make_unique<WriteWorker>(run.engine(), run.dataset(), WorkerLimits(),
                                                 WorkerPlace(),
                                                 WriteWork{.order = WriteOrder::random}));
  return run.measure_reads(getters(run, Wanted::written), writer);
}

Result<Figures> multi_get(BenchRun& run) {
  KV_TRY(run.begin_filled());
  return run.measure_reads(run.workers([&](WorkerPlace place) {
    return std::make_unique<MultiGetWorker>(run.engine(), run.dataset(),
                                            run.limits(run.options().num / kBatch + 1, place),
                                            place, kBatch);
  }));
}

Result<Figures> scan(BenchRun& run) {
  KV_TRY(run.begin_filled(BenchRun::Access::reads));
  return run.measure_reads(run.workers([&](WorkerPlace place) {
    // Each worker walks over all.
    return std::make_unique<ScanWorker>(run.engine(), run.dataset(), run.limits(place.count, place),
                                        place, 0);
  }));
}

Result<Figures> seek_prefixes(BenchRun& run) {
  KV_TRY(run.begin_filled(BenchRun::Access::reads));
  const uint64_t calls = run.options().num / kPrefixCallsDivisor + 1;
  return run.measure_reads(run.workers([&](WorkerPlace place) {
    return std::make_unique<ScanWorker>(run.engine(), run.dataset(), run.limits(calls, place),
                                        place, kPrefixKeys);
  }));
}

Result<Figures> reopen(BenchRun& run) {
  KV_TRY(run.begin_filled());
  KV_TRY(run.close());
  const double cpu_before = cpu_seconds();
  const Instant began = monotonic_now();
  KV_TRY(run.open(run.options().direct));
  const Instant opened = monotonic_now();
  Workers first;
  first.push_back(std::make_unique<GetWorker>(run.engine(), run.dataset(), WorkerLimits{1, {}},
                                              WorkerPlace(), Wanted::present));
  KV_TRY(drive(run.engine(), first));
  Figures figures;
  figures.add("open_ms", seconds_of(opened - began) * 1e3, 3);
  figures.add("first_read_ms", seconds_of(monotonic_now() - began) * 1e3, 3);
  return figures.add("cpu_seconds", cpu_seconds() - cpu_before, 3);
}

constexpr Workload kWorkloads[] = {
    {"fillseq", "each key once, ascending", false, true, fill_sequentially},
    {"fillrandom", "each key once, in random order", false, true, fill_randomly},
    {"fillbatch", "the same, 100 a batch", false, true, fill_in_batches},
    {"overwrite", "random keys that are there", false, true, overwrite},
    {"putmerge", "random keys: read, merge, write", false, true, put_merge},
    {"readrandom", "random keys that are there", true, false, read_randomly},
    {"readmissing", "random keys that are not there, among those that are", true, false,
     read_missing},
    {"readwhilewriting", "readrandom, while one more worker overwrites", true, true,
     read_while_writing},
    {"multiget", "100 random keys a call", true, false, multi_get},
    {"scan", "all keys in order", true, false, scan},
    {"prefixseek", "50 neighbours a call, found by a seek", true, false, seek_prefixes},
    {"reopen", "opening after a clean close", true, false, reopen},
    {"crashreopen", "opening after SIGKILL in the middle of writing", true, true, crash_and_reopen,
     true},
};

}  // namespace

std::span<const Workload> workloads() {
  return kWorkloads;
}

const Workload* workload_named(const std::string& name) {
  for (const Workload& workload : kWorkloads)
    if (name == workload.name) return &workload;
  return nullptr;
}

}  // namespace kv::bench
