#include "tests/sim/sim_environment.h"

#include <algorithm>

namespace kv {

namespace {

// 2026-01-01T00:00:00Z, when every simulation begins.
constexpr int64_t kWallStartMicroseconds = int64_t{1'767'225'600} * 1'000'000;

Duration scaled(Duration d, double factor) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(d.count()) * factor));
}

}  // namespace

SimEnvironment::SimEnvironment(SimScheduler& scheduler, SimDisk& disk, Log& log,
                               const SimProcessOptions& options)
    : scheduler_(scheduler),
      options_(options),
      random_(options.seed),
      files_(disk),
      clock_(*this),
      executor_(*this),
      // Entropy has a stream of its own, so that more draws of it do not move the delays.
      environment_{files_, clock_, executor_, log,
                   [source = Random(random_.next())]() mutable { return source.next(); }} {}

void SimEnvironment::kill() {
  *alive_ = false;
  files_.kill();
}

void SimEnvironment::post(Duration delay, std::function<void()> task) {
  scheduler_.after(delay, [alive = alive_, task = std::move(task)] {
    if (*alive) task();
  });
}

WallTime SimEnvironment::ProcessClock::wall() {
  const Duration elapsed = process_.scheduler_.now() - SimScheduler::kStart;
  const Duration shown =
      elapsed + scaled(elapsed, process_.options_.wall_drift) + process_.options_.wall_offset;
  return wall_time_of(kWallStartMicroseconds + microseconds_of(shown));
}

Instant SimEnvironment::ProcessExecutor::end_of_task(Lane lane) {
  const SimProcessOptions& options = process_.options_;
  const Duration mean = lane == Lane::log_sync     ? options.log_sync_delay
                        : lane == Lane::background ? options.background_delay
                                                   : options.read_delay;
  const Instant now = process_.scheduler_.now();
  const bool is_beside = lane != Lane::background && background_free_ > now;
  const double slowness =
      options.disk_slowness * (is_beside ? options.slowness_beside_background : 1);
  const Duration length = scaled(mean, slowness * (0.5 + process_.random_.unit()));
  if (lane == Lane::read) return now + length;
  Instant& free = lane == Lane::log_sync ? log_sync_free_ : background_free_;
  free = std::max(free, now) + length;
  return free;
}

void SimEnvironment::ProcessExecutor::run(Lane lane, std::function<void()> work,
                                          std::function<void()> done) {
  const Instant end = end_of_task(lane);
  const Duration hop = scaled(process_.options_.completion_delay, 0.5 + process_.random_.unit());
  SimEnvironment& process = process_;
  process.post(end - process.scheduler_.now(),
               [&process, hop, work = std::move(work), done = std::move(done)] {
                 work();
                 process.post(hop, done);
               });
}

// As long as a task on Lane::read takes. The file is read when that time is over.
bool SimEnvironment::ProcessExecutor::begin_read(const std::shared_ptr<FileRead>& read,
                                                 std::function<void()> done) {
  run(
      Lane::read, [this, read] { finish_read(*read); }, std::move(done));
  return true;
}

void SimEnvironment::ProcessExecutor::finish_read(FileRead& read) {
  if (read.is_over) return;
  std::string bytes(read.length, '\0');
  if (const auto got = read.file->read_at(read.offset, bytes); !got) {
    read.bytes = fail(got.error());
  } else {
    bytes.resize(*got);
    read.bytes = SharedBytes(std::move(bytes));
  }
  read.is_over = true;
  read.file.reset();
}

}  // namespace kv
