// The storage engine beside its yardsticks: LevelDB, RocksDB and LMDB (built with
// -Dyardsticks=true), each with the same keys, values, buffers, caches and durability.
//
//   engine_bench --engine kv --workload fillrandom --workload readrandom --num 2000000
//
// All engines: a 64 MiB write buffer, 10 bits a key in Bloom filters, 256 MiB of cache (or what
// --memory leaves beside two buffers; kv has its filters and indexes in it, too), lz4 or snappy;
// keys of 16 bytes, values that compress to half, the rest by each engine's defaults. Unsynced
// writes leave for the system at once in all: kv's log as soon as the write before it is over.
// Every answer is verified; a wrong one ends the program with exit code 1. Measurements begin
// settled: no flush or compaction is due, and kv has tidied as it does when idle. Latencies are a
// call's, and where one worker has a thread to itself, from one end to the next.
// write_amplification is what the process handed to the system, own_write_amplification what the
// engine has counted, both by the bytes of keys and values.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/cli/units.h"
#include "tests/bench/engines/workloads.h"

namespace kv::bench {
namespace {

constexpr uint64_t kNumMax = 1'000'000'000;
constexpr uint64_t kValueBytesMax = 1u << 20;
constexpr uint64_t kThreadsMax = 256;
constexpr uint64_t kSecondsMax = 86'400;
constexpr uint64_t kMemoryBytesMin = 8u << 20;
constexpr int kFailed = 1;

struct Words {
  std::string engine;
  std::vector<std::string> workloads;
  uint64_t num = 1'000'000;
  uint64_t value_bytes = 100;
  uint64_t threads = 1;
  bool sync = false, cold = false, direct = false, json = false;
  std::optional<std::string> memory;
  std::optional<uint64_t> seconds;
  std::optional<std::string> directory;
};

std::vector<std::string> workload_names() {
  std::vector<std::string> names;
  for (const Workload& workload : workloads()) names.push_back(workload.name);
  return names;
}

/// Those that are built in, as `kv, leveldb`.
std::string engine_names() {
  std::string names;
  for (const EngineKind& kind : engine_kinds())
    if (kind.make != nullptr) names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

Result<std::unique_ptr<BenchEngine>> engine_named(const std::string& name) {
  for (const EngineKind& kind : engine_kinds()) {
    if (name != kind.name) continue;
    if (kind.make != nullptr) return kind.make();
    return fail(ErrorKind::invalid,
                "--engine: " + name + " is not built in: meson's -Dyardsticks=true does that");
  }
  if (name.empty()) return fail(ErrorKind::invalid, "no --engine is given");
  return fail(ErrorKind::invalid,
              "--engine: '" + printable(name) + "' is none of " + engine_names());
}

/// engine_versus reads names and options from these lines, and the engines from --engine's.
std::string notes() {
  std::string text = "Workloads, with the options that mean something to them:";
  for (const Workload& workload : workloads()) {
    char line[120];
    std::snprintf(line, sizeof line, "\n  %-16s  %-6s %-6s  %s", workload.name,
                  workload.writes ? "--sync" : "", workload.reads ? "--cold" : "", workload.what);
    text += line;
  }
  return text +
         "\n\nThose that fill begin with an empty directory, all others with every key there, "
         "written\n"
         "unmeasured if the workload before did not. Rates count until the last operation\n"
         "returned, settled_ figures until the last flush and compaction that was due was over;\n"
         "disk_ and amplification figures are those after kv has tidied as it does when idle.\n"
         "own_ figures are what the engine itself counts, since it was opened.";
}

Program program_of(Words& words) {
  return {.name = "engine_bench",
          .summary = "Measure a storage engine by itself",
          .options =
              {{"--engine", "NAME", "whose: " + engine_names(), &words.engine},
               {"--workload", "NAME", "what to measure; several one after the other",
                &words.workloads, workload_names()},
               {"--num", "N", "how many keys there are (1000000)", &words.num},
               {"--value-bytes", "V", "size of a value (100)", &words.value_bytes},
               {"--threads", "T",
                "workers: threads; for kv, operations in flight on its one loop, but threads where "
                "all only read, without --direct (1)",
                &words.threads},
               {"--sync", "", "a write is over when it is on the disk", &words.sync},
               {"--cold", "",
                "before reading or opening: close, and drop the files from the page cache",
                &words.cold},
               {"--direct", "",
                "read tables past the page cache (kv, LevelDB, RocksDB), and count the reads",
                &words.direct},
               {"--memory", "BYTES",
                "what an engine may have: an eighth for a write buffer, two of which may be full, "
                "the rest for the cache (384MiB)",
                &words.memory},
               {"--seconds", "S", "how long (as many operations as keys); a fill then ends early",
                &words.seconds},
               {"--directory", "DIR", "where to make a directory, removed again (/tmp)",
                &words.directory},
               {"--json", "", "print one JSON object a workload", &words.json}},
          .examples = {{"engine_bench --engine kv --workload fillrandom", "a million writes"},
                       {"engine_bench --engine leveldb --workload fillrandom --sync --threads 16 "
                        "--seconds 10",
                        "sixteen who each wait for the disk"}},
          .notes = notes()};
}

Status within(const char* option, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return {};
  return fail(ErrorKind::invalid, std::string(option) + " must be between " + std::to_string(min) +
                                      " and " + std::to_string(max));
}

Status check_workloads(const Words& words) {
  bool any_reads = false, any_writes = false;
  for (const std::string& name : words.workloads) {
    const Workload& workload = *workload_named(name);
    any_reads |= workload.reads;
    any_writes |= workload.writes;
    if (workload.is_alone && words.workloads.size() > 1)
      return fail(ErrorKind::invalid, name + " must be the only workload");
  }
  if (words.workloads.empty()) return fail(ErrorKind::invalid, "no --workload is given");
  if (words.cold && !any_reads)
    return fail(ErrorKind::invalid, "--cold: no workload is given that reads");
  if (words.direct && !any_reads)
    return fail(ErrorKind::invalid, "--direct: no workload is given that reads");
  if (words.direct && words.engine == "lmdb")
    return fail(ErrorKind::invalid, "--direct: lmdb reads through the page cache only");
  if (words.sync && !any_writes)
    return fail(ErrorKind::invalid, "--sync: no workload is given that writes");
  return {};
}

/// An eighth for a write buffer of 64 MiB at most; the rest beside two of them for the cache.
Result<MemorySettings> memory_of(const Words& words) {
  MemorySettings memory;
  if (!words.memory) return memory;
  const auto bytes = parse_size(*words.memory);
  if (!bytes || *bytes < kMemoryBytesMin)
    return fail(ErrorKind::invalid, "--memory must be a size from 8MiB on");
  memory.write_buffer_bytes = std::min(kWriteBufferBytes, *bytes / 8);
  memory.cache_bytes = *bytes - 2 * memory.write_buffer_bytes;
  return memory;
}

Status check(const Words& words) {
  KV_TRY(check_workloads(words));
  KV_TRY(within("--num", words.num, 1, kNumMax));
  KV_TRY(within("--value-bytes", words.value_bytes, kValueBytesMin, kValueBytesMax));
  KV_TRY(within("--threads", words.threads, 1, std::min(kThreadsMax, words.num)));
  return within("--seconds", words.seconds.value_or(1), 1, kSecondsMax);
}

/// A new directory, removed by the destructor.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& in) : path_(in + "/engine_bench.XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  /// Empty if it could not be made.
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Figures header_of(const Words& words, const BenchEngine& engine, const std::string& workload) {
  Figures header;
  header.add("engine", words.engine).add("version", engine.version()).add("workload", workload);
  header.add("num", words.num).add("value_bytes", words.value_bytes);
  header.add("threads", words.threads).add("sync", words.sync).add("cold", words.cold);
  header.add("direct", words.direct);
  return header;
}

Status run_all(const Words& words, const MemorySettings& memory, const std::string& directory,
               BenchEngine& engine) {
  RunOptions options{.directory = directory,
                     .num = words.num,
                     .value_bytes = static_cast<size_t>(words.value_bytes),
                     .threads = static_cast<size_t>(words.threads),
                     .sync = words.sync,
                     .direct = words.direct,
                     .memory = memory,
                     .cold = words.cold,
                     .limit = {}};
  if (words.seconds) options.limit = std::chrono::seconds(*words.seconds);
  BenchRun run(engine, options);
  for (const std::string& name : words.workloads) {
    auto figures = workload_named(name)->run(run);
    if (!figures) return fail(figures.error().kind, name + ": " + figures.error().what);
    const Figures all = header_of(words, engine, name).append(*figures);
    std::fputs((words.json ? all.json() : all.text() + "\n").c_str(), stdout);
    std::fflush(stdout);
  }
  return run.close();
}

int main_of(int argc, char** argv) {
  Words words;
  const Program program = program_of(words);
  if (const auto code = parse_command_line(program, argc, argv)) return to_int(*code);
  const Messages messages(program.name);
  const auto usage_error = [&](const std::string& what) {
    messages.say(what + " (see engine_bench --help)");
    return to_int(ExitCode::usage);
  };
  if (const Status fine = check(words); !fine) return usage_error(fine.error().what);
  const auto memory = memory_of(words);
  if (!memory) return usage_error(memory.error().what);
  const auto engine = engine_named(words.engine);
  if (!engine) return usage_error(engine.error().what);
  const std::string in = words.directory.value_or("/tmp");
  const TemporaryDirectory directory(in);
  if (directory.path().empty())
    return usage_error("--directory: nothing can be made in '" + printable(in) + "'");
  const Status done = run_all(words, *memory, directory.path(), **engine);
  if (done) return 0;
  messages.say(words.engine + ": " + done.error().what);
  return kFailed;
}

}  // namespace
}  // namespace kv::bench

int main(int argc, char** argv) {
  return kv::bench::main_of(argc, argv);
}
