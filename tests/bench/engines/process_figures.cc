#include "tests/bench/engines/process_figures.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace kv::bench {

namespace {

namespace fs = std::filesystem;

constexpr Duration kSampleEvery = 10ms;
constexpr int kSamplesQuiet = 20;
constexpr uint64_t kStatBlockBytes = 512;

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Error failed(const fs::path& path, const char* action) {
  return {ErrorKind::io, path.string() + ": " + action + ": " + std::strerror(errno)};
}

/// Whether the thread sleeps so that a signal could wake it: not running, not waiting for a disk.
bool sleeps(const fs::path& task) {
  std::ifstream file(task / "stat");
  std::string line;
  if (!std::getline(file, line)) return true;  // It has ended.
  const size_t name_end = line.rfind(") ");
  return name_end != std::string::npos && line[name_end + 2] == 'S';
}

bool all_others_sleep() {
  const std::string self = std::to_string(gettid());
  std::error_code error;
  for (const auto& task : fs::directory_iterator("/proc/self/task", error))
    if (task.path().filename() != self && !sleeps(task.path())) return false;
  return !error;
}

Status drop_file(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(failed(path, "open"));
  const bool synced = fdatasync(fd) == 0;
  const int dropped = synced ? posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) : 0;
  const Status status = synced ? Status() : fail(failed(path, "fdatasync"));
  close(fd);
  if (dropped != 0) {
    errno = dropped;
    return fail(failed(path, "posix_fadvise"));
  }
  return status;
}

}  // namespace

Instant monotonic_now() {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

std::optional<WrittenBytes> process_written_bytes() {
  std::ifstream file("/proc/self/io");
  WrittenBytes written;
  std::string name;
  uint64_t value = 0;
  bool any = false;
  while (file >> name >> value) {
    any = true;
    if (name == "wchar:") written.by_calls = value;
    if (name == "write_bytes:") written.made_dirty = value;
  }
  return any ? std::optional(written) : std::nullopt;
}

uint64_t disk_bytes(const std::string& directory) {
  uint64_t total = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error)) {
    struct stat status {};
    if (lstat(entry.path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    total += std::min(static_cast<uint64_t>(status.st_size),
                      static_cast<uint64_t>(status.st_blocks) * kStatBlockBytes);
  }
  return total;
}

Status drop_from_page_cache(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(directory, error))
    if (entry.is_regular_file()) KV_TRY(drop_file(entry.path()));
  if (error) return fail(ErrorKind::io, directory + ": " + error.message());
  return {};
}

Instant wait_until_threads_sleep() {
  Instant since = monotonic_now();
  for (int quiet = 0; quiet < kSamplesQuiet;) {
    const bool all_sleep = all_others_sleep();
    quiet = all_sleep ? quiet + 1 : 0;
    std::this_thread::sleep_for(kSampleEvery);
    if (!all_sleep) since = monotonic_now();
  }
  return since;
}

Status make_empty_directory(const std::string& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!error) fs::create_directories(directory, error);
  if (error) return fail(ErrorKind::io, directory + ": " + error.message());
  return {};
}

}  // namespace kv::bench
