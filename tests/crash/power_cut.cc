// power_cut write DIR SEED SEQUENCE     power_cut check DIR SEED SEQUENCE
//
// The two halves of a power cut on a real file system (power_cut_test makes one for it and mounts
// it again between them). `write` goes on until the engine has acknowledged SEQUENCE, shuts the
// file system of DIR down while it writes, without a flush of its journal, and prints the last
// sequence that the engine has acknowledged. `check` reopens: everything up to SEQUENCE is there,
// and what is there is a prefix of what was written.
// Exit codes: 0; 1 what was promised does not hold; 2 usage; 77 the shutdown is not permitted here.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libkv/base/posix_environment.h"
#include "libkv/base/random.h"
#include "libkv/base/thread_executor.h"
#include "tests/crash/engine_history.h"

namespace kv {
namespace {

constexpr int kNotPermitted = 77;
constexpr int kCompletionWaitMs = 10'000;
constexpr uint64_t kOutstandingMax = 64;

/// The same batches for the same seed.
class BatchStream {
 public:
  explicit BatchStream(uint64_t seed) : random_(seed) {}
  WriteBatch next() {
    WriteBatch batch;
    for (uint64_t i = random_.below(4) + 1; i > 0; --i) {
      const std::string key = "k" + std::to_string(random_.below(500));
      if (random_.below(5) == 0) {
        batch.remove(key);
      } else {
        batch.put(
            key, key + "=" + std::to_string(random_.next()) + std::string(random_.below(600), 'x'));
      }
    }
    return batch;
  }

 private:
  Random random_;
};

/// An engine as a process has it, so small that it flushes and compacts many times a second.
class RealEngine {
 public:
  Status open(const std::string& directory) {
    KV_TRY(environment_.files.make_directories(directory));
    KV_ASSIGN(meta_, open_sqlite_meta(environment_, directory + "/meta.db"));
    EngineOptions options;
    options.memtable_bytes = 64 << 10;
    options.log_segment_bytes = 64 << 10;
    options.block_bytes = 1 << 10;
    options.section_blocks = 8;
    KV_ASSIGN(engine_, open_lsm_engine(environment_, *meta_, directory, options));
    return {};
  }
  Engine& engine() { return *engine_; }
  /// False if nothing completes for long.
  bool wait() {
    pollfd completion{executor_.completion_fd(), POLLIN, 0};
    if (poll(&completion, 1, kCompletionWaitMs) != 1) return false;
    executor_.run_completions();
    return true;
  }

 private:
  NullLog log_;
  PosixEnvironment posix_;
  ThreadExecutor executor_;
  Environment environment_ = posix_.with(executor_, log_);
  std::unique_ptr<MetaStore> meta_;
  std::unique_ptr<Engine> engine_;
};

int shut_down(const std::string& directory) {
  // EXT4_IOC_SHUTDOWN, which no header for programs has: _IOR('X', 125, u32).
  constexpr unsigned long kShutdown = 0x8004587d;
  constexpr uint32_t kWithoutFlushingTheJournal = 2;
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  uint32_t flags = kWithoutFlushingTheJournal;
  const int failed = fd < 0 || ::ioctl(fd, kShutdown, &flags) != 0 ? errno : 0;
  if (fd >= 0) ::close(fd);
  return failed;
}

/// Writes until the engine fails, and has the power cut when `cut_at` is acknowledged.
class Writer {
 public:
  Writer(RealEngine& real, const std::string& directory, uint64_t seed, Sequence cut_at)
      : real_(real), directory_(directory), batches_(seed), cut_at_(cut_at) {}

  int run() {
    real_.engine().on_durable([this](Result<Sequence> durable) {
      if (durable) {
        acknowledged_ = *durable;
      } else {
        over_ = true;
      }
    });
    std::thread power([this] { cut(); });
    while (!over_ && write() && !not_cut_) {
    }
    if (!over_) over_ = true;
    power.join();
    if (not_cut_) {
      std::fprintf(stderr, "power_cut: shutting down a file system: %s\n", std::strerror(not_cut_));
      return kNotPermitted;
    }
    std::printf("%llu\n", static_cast<unsigned long long>(acknowledged_));
    return acknowledged_ >= cut_at_ ? 0 : 1;
  }

 private:
  /// On a thread of its own, so that it comes at any moment of a write or sync.
  void cut() {
    while (acknowledged_ < cut_at_ && !over_) std::this_thread::yield();
    if (!over_) not_cut_ = shut_down(directory_);
  }

  /// False if nothing goes on, for another reason than the cut.
  bool write() {
    if (last_ >= acknowledged_ + kOutstandingMax) return real_.wait();
    const WriteBatch batch = batches_.next();
    auto applied = real_.engine().apply(batch, Durability::always);
    while (!applied && applied.error().kind == ErrorKind::busy) {
      if (!real_.wait()) return false;
      applied = real_.engine().apply(batch, Durability::always);
    }
    if (applied) last_ = *applied;
    return applied.has_value();
  }

  RealEngine& real_;
  const std::string directory_;
  BatchStream batches_;
  const Sequence cut_at_;
  Sequence last_ = 0;
  std::atomic<Sequence> acknowledged_{0};  // The loop's; the power's thread reads it.
  std::atomic<bool> over_{false};
  std::atomic<int> not_cut_{0};  // Why the power could not be cut: an error number.
};

int complain(const std::string& what) {
  std::fprintf(stderr, "power_cut: %s\n", what.c_str());
  return 1;
}

int check(RealEngine& real, uint64_t seed, Sequence acknowledged) {
  const RecoveryReport& report = real.engine().recovery();
  if (!report.corruption.empty()) return complain("false alarm: " + report.corruption[0].what);
  if (report.last_sequence < acknowledged)
    return complain("acknowledged up to " + std::to_string(acknowledged) + ", recovered up to " +
                    std::to_string(report.last_sequence));
  BatchStream batches(seed);
  EngineState expected;
  Sequence last = 0;
  while (last < report.last_sequence) {
    const WriteBatch batch = batches.next();
    last += batch.count();
    EngineHistory::apply(expected, batch);
  }
  if (last != report.last_sequence) return complain("a batch was cut in two");
  const auto state = state_of(real.engine());
  if (!state) return complain(state.error().what);
  if (*state != expected) return complain("what is there is not a prefix");
  std::printf("acknowledged %llu, recovered %llu, %zu pairs\n",
              static_cast<unsigned long long>(acknowledged), static_cast<unsigned long long>(last),
              state->size());
  return real.engine().close() ? 0 : complain("it cannot be closed");
}

int run(const std::string& half, const std::string& directory, uint64_t seed, Sequence sequence) {
  RealEngine real;
  if (const Status opened = real.open(directory); !opened) return complain(opened.error().what);
  if (half == "check") return check(real, seed, sequence);
  const int code = Writer(real, directory, seed, sequence).run();
  std::fflush(stdout);
  // As a power cut leaves it: nothing of the engine is wound up.
  std::_Exit(code);
}

}  // namespace
}  // namespace kv

int main(int argc, char** argv) {
  const std::string half = argc == 5 ? argv[1] : "";
  if (half == "write" || half == "check")
    return kv::run(half, argv[2], std::strtoull(argv[3], nullptr, 10),
                   std::strtoull(argv[4], nullptr, 10));
  std::fprintf(stderr, "usage: power_cut write|check DIR SEED SEQUENCE\n");
  return 2;
}
