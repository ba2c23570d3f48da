// kv-bench: how many operations a second, and how long each takes.
#include <chrono>
#include <optional>
#include <string>

#include "libkv/base/limits.h"
#include "libkv/cli/options.h"
#include "libkv/command/bench.h"
#include "libkv/command/keyspaces.h"
#include "libkv/command/outcome.h"
#include "libkv/command/report_path.h"
#include "libkv/command/session.h"

namespace {

constexpr uint64_t kClientsMax = 100'000;
constexpr uint64_t kThreadsMax = 64;
constexpr uint64_t kRecordsMax = 1'000'000'000;
constexpr uint64_t kSecondsDefault = 10;
constexpr uint64_t kSecondsMax = 86'400 * 7;

struct Words {
  std::string workload = "a";
  uint64_t records = 10'000;
  uint64_t value_bytes = 1'000;
  uint64_t clients = 1;
  uint64_t threads = 1;
  uint64_t rate = 0;
  std::optional<uint64_t> seconds, r, w;
  bool json = false;
};

kv::Status within(const char* option, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return {};
  return kv::fail(kv::ErrorKind::invalid, std::string(option) + " must be between " +
                                              std::to_string(min) + " and " + std::to_string(max));
}

kv::Status check(const Words& words) {
  KV_TRY(within("--records", words.records, 1, kRecordsMax));
  KV_TRY(within("--value-bytes", words.value_bytes, 0, kv::limits::value_bytes_max_default));
  KV_TRY(within("--clients", words.clients, 1, kClientsMax));
  KV_TRY(within("--threads", words.threads, 1, kThreadsMax));
  KV_TRY(within("--seconds", words.seconds.value_or(1), 1, kSecondsMax));
  KV_TRY(within("--r", words.r.value_or(1), 1, kv::limits::copies_max));
  KV_TRY(within("--w", words.w.value_or(1), 1, kv::limits::copies_max));
  return within("--rate", words.rate, 0, 1'000'000'000);
}

kv::BenchOptions options_of(const Words& words, const kv::ClientSettings& settings) {
  kv::BenchOptions options;
  options.workload = *kv::workload_named(words.workload);
  options.keyspace = settings.keyspace;
  options.endpoints = settings.endpoints;
  options.timeout = settings.timeout;
  options.records = words.records;
  options.value_bytes = words.value_bytes;
  options.clients = words.clients;
  options.threads = words.threads;
  options.rate = words.rate;
  const bool is_load = words.workload == "load";
  options.duration = std::chrono::seconds(words.seconds.value_or(is_load ? 0 : kSecondsDefault));
  options.r = static_cast<uint8_t>(words.r.value_or(0));
  options.w = static_cast<uint8_t>(words.w.value_or(0));
  return options;
}

kv::BenchSetting setting_of(const kv::BenchOptions& options) {
  return {options.workload.name, options.keyspace, options.records, options.value_bytes,
          options.clients,       options.threads,  options.rate};
}

}  // namespace

int main(int argc, char** argv) {
  Words words;
  kv::ClientFlags flags;
  kv::Program program{
      .name = "kv-bench",
      .summary = "Measure operations a second and how long each takes",
      .options = {{"--workload", "NAME", "what to do; the letters are YCSB's", &words.workload,
                   kv::workload_names()},
                  {"--records", "N", "how many records there are, or load shall make (10000)",
                   &words.records},
                  {"--value-bytes", "V", "size of a value (1000)", &words.value_bytes},
                  {"--clients", "C", "logical clients, each with one operation in flight (1)",
                   &words.clients},
                  {"--threads", "T", "threads, each with a connection, to share the clients (1)",
                   &words.threads},
                  {"--seconds", "S", "how long (10; load: until all is loaded)", &words.seconds},
                  {"--rate", "OPS",
                   "begin so many operations a second, done or not; latencies count from when "
                   "each was due (none: each client as fast as it can)",
                   &words.rate},
                  {"--r", "R", "replicas a read waits for (the keyspace's)", &words.r},
                  {"--w", "W", "replicas a write waits for (the keyspace's)", &words.w},
                  {"--json", "", "print one JSON object", &words.json}},
      .examples = {{"kv-bench --workload load --records 100000 --clients 64", "the records first"},
                   {"kv-bench --workload a --records 100000 --clients 64 --seconds 30",
                    "then half reads, half updates"},
                   {"kv-bench --workload get --records 100000 --clients 64 --rate 5000",
                    "latencies at a given load"}},
  };
  kv::add_client_options(program, flags);
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  if (const kv::Status fine = check(words); !fine)
    return kv::to_int(kv::tell_usage(messages, fine.error().what));
  auto session = kv::Session::open(flags);
  if (!session) return kv::to_int(kv::tell_failure(messages, session.error()));
  const auto keyspaces =
      kv::list_keyspaces(session->client(), session->clock(), session->settings().timeout);
  if (!keyspaces) return kv::to_int(kv::tell_failure(messages, keyspaces.error()));
  if (const auto there = kv::keyspace_of(*keyspaces, session->settings().keyspace); !there)
    return kv::to_int(kv::tell_usage(messages, there.error().what));

  const kv::BenchOptions options = options_of(words, session->settings());
  const kv::BenchFigures figures = kv::run_bench(options);
  const kv::Report report = kv::report_of(setting_of(options), figures);
  const kv::ExitCode printed =
      kv::print(messages, words.json ? kv::json_line(report) : kv::bench_text(report));
  if (!figures.first_error.empty()) messages.say("the first error: " + figures.first_error);
  return kv::to_int(kv::combine(printed, figures.code()));
}
