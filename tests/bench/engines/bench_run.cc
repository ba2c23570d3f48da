#include "tests/bench/engines/bench_run.h"

#include "tests/bench/engines/write_workers.h"

namespace kv::bench {

namespace {

constexpr size_t kFillBatch = 100;

double per_second(uint64_t count, double seconds) {
  return static_cast<double>(count) / seconds;
}

/// The rates and latencies that every workload has.
Figures rates_of(const DriveFigures& drive) {
  const double seconds = seconds_of(drive.took);
  const uint64_t calls = drive.latencies.count();
  Figures figures;
  figures.add("calls", calls).add("keys", drive.keys).add("seconds", seconds, 3);
  figures.add("calls_per_second", per_second(calls, seconds), 0);
  figures.add("keys_per_second", per_second(drive.keys, seconds), 0);
  figures.add_latencies("", drive.latencies);
  return figures.add("cpu_seconds", drive.cpu_seconds, 3);
}

std::optional<double> growth(std::optional<uint64_t> before, std::optional<uint64_t> after) {
  if (!before || !after) return std::nullopt;
  return static_cast<double>(*after - *before);
}

std::optional<double> ratio(std::optional<double> part, double whole) {
  if (!part || whole == 0) return std::nullopt;
  return *part / whole;
}

}  // namespace

Status BenchRun::open(bool direct) {
  KV_TRY(engine_.open({options_.directory, options_.memory, direct, dataset_.raw_bytes(),
                       options_.threads, options_.sync}));
  open_ = true;
  open_direct_ = direct;
  return {};
}

Status BenchRun::close() {
  if (!open_) return {};
  open_ = false;
  KV_TRY(engine_.close());
  return options_.cold ? drop_from_page_cache(options_.directory) : Status();
}

Status BenchRun::begin_empty() {
  KV_TRY(close());
  engine_.only_reads(false);
  filled_ = false;
  KV_TRY(make_empty_directory(options_.directory));
  dataset_.forget_all();
  return open();
}

Status BenchRun::begin_filled(Access access) {
  if (!filled_) KV_TRY(fill());
  // It was not filled with direct reads: compactions are not what is measured.
  if (options_.cold || open_direct_ != options_.direct) KV_TRY(close());
  if (!open_) KV_TRY(open(options_.direct));
  engine_.only_reads(access == Access::reads);
  return {};
}

Status BenchRun::fill() {
  KV_TRY(begin_empty());
  KV_TRY(engine_.sync_writes(false));
  Workers workers;
  const WriteWork work{.order = WriteOrder::shuffled, .batch = kFillBatch};
  workers.push_back(
      std::make_unique<WriteWorker>(engine_, dataset_, WorkerLimits(), WorkerPlace(), work));
  KV_TRY(drive(engine_, workers));
  KV_TRY(engine_.settle());
  filled_ = true;
  return {};
}

Workers BenchRun::workers(const std::function<std::unique_ptr<Worker>(WorkerPlace)>& make) const {
  Workers workers;
  for (size_t i = 0; i < options_.threads; ++i)
    workers.push_back(make({.number = i, .count = options_.threads}));
  return workers;
}

WorkerLimits BenchRun::limits(uint64_t calls, WorkerPlace place, bool calls_bind) const {
  WorkerLimits limits;
  if (options_.limit) limits.deadline = monotonic_now() + *options_.limit;
  if (!options_.limit || calls_bind)
    limits.calls_max = (calls + place.count - 1 - place.number) / place.count;
  return limits;
}

std::optional<uint64_t> BenchRun::written_by_process() const {
  const auto written = process_written_bytes();
  if (!written) return std::nullopt;
  return engine_.writes_through_map() ? written->made_dirty : written->by_calls;
}

Figures BenchRun::waits() {
  Figures figures;
  const auto waits = engine_.waits();
  if (!waits) return figures;
  figures.add("own_waits", waits->count).add("own_wait_seconds", seconds_of(waits->total), 3);
  return figures.add("own_wait_max_ms", seconds_of(waits->longest) * 1e3, 3);
}

Result<Figures> BenchRun::measure_writes(const Workers& workers) {
  KV_TRY(engine_.sync_writes(options_.sync));
  const auto process_before = written_by_process(), own_before = engine_.written_bytes();
  const double cpu_before = cpu_seconds();
  const Instant began = monotonic_now();
  KV_ASSIGN(const DriveFigures written, drive(engine_, workers));
  KV_ASSIGN(const Instant settled, engine_.settle());
  const double settled_seconds = seconds_of(std::max(settled - began, written.took));
  const double cpu = cpu_seconds() - cpu_before;

  const uint64_t pair_bytes = kKeyBytes + options_.value_bytes;
  const auto user_bytes = static_cast<double>(written.keys * pair_bytes);
  const auto raw_bytes = filled_ ? static_cast<double>(dataset_.raw_bytes()) : user_bytes;
  const uint64_t on_disk = disk_bytes(options_.directory);
  Figures figures = rates_of(written);
  figures.add("settled_seconds", settled_seconds, 3);
  figures.add("settled_keys_per_second", per_second(written.keys, settled_seconds), 0);
  figures.add("settled_cpu_seconds", cpu, 3);
  figures.add("disk_bytes", on_disk);
  figures.add("disk_ratio", static_cast<double>(on_disk) / raw_bytes, 3);
  figures.add("write_amplification",
              ratio(growth(process_before, written_by_process()), user_bytes), 2);
  figures.add("own_write_amplification",
              ratio(growth(own_before, engine_.written_bytes()), user_bytes), 2);
  return figures.append(waits());
}

Result<Figures> BenchRun::measure_reads(const Workers& workers, const Workers& background) {
  KV_TRY(engine_.sync_writes(options_.sync));
  const auto reads_before = engine_.disk_reads();
  KV_ASSIGN(const DriveFigures read, drive(engine_, workers, background));
  Figures figures = rates_of(read);
  if (reads_before)
    figures.add("disk_reads_per_get",
                ratio(growth(reads_before, engine_.disk_reads()), static_cast<double>(read.keys)),
                3);
  if (background.empty()) return figures;
  const DriveFigures behind = sum_of(background);
  figures.add("writes_per_second", per_second(behind.latencies.count(), seconds_of(read.took)), 0);
  figures.add_latencies("write_", behind.latencies);
  return figures.append(waits());
}

}  // namespace kv::bench
