// Hours of mixed load at full speed on the storage engine, every answer verified against a model in
// memory (engines/soak.h), with clean stops and kills between.
//
//   engine_soak --seconds 3600 --wait-max-ms 20
//
// Exits 1 on a wrong answer, or if the engine made its writers wait for longer than allowed; prints
// the longest wait of its own, latencies as its clients saw them, memory and disk.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "tests/bench/engines/soak.h"

namespace kv::bench {
namespace {

constexpr int kFailed = 1;

struct Words {
  uint64_t seconds = 4 * 3600;
  uint64_t keys = 1'000'000;
  uint64_t value_bytes = 100;
  uint64_t stop_every = 60;
  uint64_t seed = 1;
  std::optional<uint64_t> wait_max_ms;
  std::optional<std::string> directory;
  bool json = false;
};

Program program_of(Words& words) {
  return {.name = "engine_soak",
          .summary = "Load the storage engine for hours, and verify every answer",
          .options = {{"--seconds", "S", "how long (14400)", &words.seconds},
                      {"--keys", "N", "how many keys there are (1000000)", &words.keys},
                      {"--value-bytes", "V", "size of a value (100)", &words.value_bytes},
                      {"--stop-every", "S", "seconds between a stop or kill and the next (60)",
                       &words.stop_every},
                      {"--seed", "N", "of all choices (1)", &words.seed},
                      {"--wait-max-ms", "MS", "fail if the engine's own longest wait is longer",
                       &words.wait_max_ms},
                      {"--directory", "DIR", "where to make a directory, removed again (/tmp)",
                       &words.directory},
                      {"--json", "", "print one JSON object", &words.json}},
          .examples = {{"engine_soak --seconds 900", "a quarter of an hour"}},
          .notes = ""};
}

Status check(const Words& words) {
  if (words.seconds == 0 || words.stop_every == 0)
    return fail(ErrorKind::invalid, "--seconds and --stop-every must be at least 1");
  if (words.keys < 100) return fail(ErrorKind::invalid, "--keys must be at least 100");
  if (words.value_bytes < kValueBytesMin || words.value_bytes > 1u << 20)
    return fail(ErrorKind::invalid, "--value-bytes is out of range");
  return {};
}

int soak_in(const std::string& directory, const Words& words, const Messages& messages) {
  Soak soak({.directory = directory,
             .keys = words.keys,
             .value_bytes = static_cast<size_t>(words.value_bytes),
             .duration = std::chrono::seconds(words.seconds),
             .between_stops = std::chrono::seconds(words.stop_every),
             .seed = words.seed});
  const Status done = soak.run();
  const Figures figures = soak.figures();
  std::fputs((words.json ? figures.json() : figures.text()).c_str(), stdout);
  if (!done) {
    messages.say("seed " + std::to_string(words.seed) + ": " + done.error().what);
    return kFailed;
  }
  const Duration wait = soak.longest_wait();
  if (!words.wait_max_ms || wait <= std::chrono::milliseconds(*words.wait_max_ms)) return 0;
  messages.say("the engine made writers wait for " + std::to_string(seconds_of(wait) * 1e3) +
               " ms");
  return kFailed;
}

int main_of(int argc, char** argv) {
  Words words;
  const Program program = program_of(words);
  if (const auto code = parse_command_line(program, argc, argv)) return to_int(*code);
  const Messages messages(program.name);
  if (const Status fine = check(words); !fine) {
    messages.say(fine.error().what + " (see engine_soak --help)");
    return to_int(ExitCode::usage);
  }
  std::string directory = words.directory.value_or("/tmp") + "/engine_soak.XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    messages.say("--directory: nothing can be made there");
    return to_int(ExitCode::usage);
  }
  const int code = soak_in(directory, words, messages);
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return code;
}

}  // namespace
}  // namespace kv::bench

int main(int argc, char** argv) {
  return kv::bench::main_of(argc, argv);
}
