// How fast, and how wrongly, the failure detector judges: N members in memory, in simulated time.
//
//   detector_sim [--members N] [--racks N] [--loss P] [--seconds N] [--crashes N] [--seed N]
//
// The members start; after a warm-up they run for `seconds` with nobody failing (mistakes), then
// one crashes after the other. Prints one `name value` a line; times are in seconds.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/unit/protocol/detector_cluster.h"

namespace {

struct Options {
  kv::DetectorCluster::Settings cluster;
  long seconds = 60;
  long crashes = 3;
};

bool parse(int argc, char** argv, Options* options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const char* name = argv[i];
    const double value = std::strtod(argv[i + 1], nullptr);
    if (std::strcmp(name, "--members") == 0)
      options->cluster.members = static_cast<size_t>(value);
    else if (std::strcmp(name, "--racks") == 0)
      options->cluster.racks = static_cast<size_t>(value);
    else if (std::strcmp(name, "--loss") == 0)
      options->cluster.loss = value;
    else if (std::strcmp(name, "--seconds") == 0)
      options->seconds = static_cast<long>(value);
    else if (std::strcmp(name, "--crashes") == 0)
      options->crashes = static_cast<long>(value);
    else if (std::strcmp(name, "--seed") == 0)
      options->cluster.seed = static_cast<uint64_t>(value);
    else
      return false;
  }
  const bool in_range = options->cluster.members >= 2 && options->cluster.members <= 4096 &&
                        options->cluster.racks >= 1 && options->crashes >= 0 &&
                        static_cast<size_t>(options->crashes) < options->cluster.members;
  return argc % 2 == 1 && in_range;
}

void print(const char* name, double value) {
  std::printf("%s\t%g\n", name, value);
  std::fflush(stdout);
}

void print(const char* name, const std::optional<kv::Duration>& span) {
  print(name, span ? kv::seconds_of(*span) : -1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  Options options;
  options.cluster.racks = 10;
  if (!parse(argc, argv, &options)) {
    std::fprintf(stderr,
                 "detector_sim: usage: detector_sim [--members N] [--racks N] [--loss P] "
                 "[--seconds N] [--crashes N] [--seed N]\n");
    return 2;
  }
  kv::DetectorCluster cluster(options.cluster);
  print("all_alive_after", cluster.run_until_all_alive(60s));
  cluster.run(20s);
  const auto before = cluster.mistakes();
  const auto traffic = cluster.traffic();
  cluster.run(std::chrono::seconds(options.seconds));
  print("false_suspect", static_cast<double>(cluster.mistakes().suspect - before.suspect));
  print("false_down", static_cast<double>(cluster.mistakes().down - before.down));
  const double member_seconds =
      static_cast<double>(options.seconds) * static_cast<double>(options.cluster.members);
  print("messages_per_member_per_second",
        static_cast<double>(cluster.traffic().messages - traffic.messages) / member_seconds);
  print("rows_per_member_per_second",
        static_cast<double>(cluster.traffic().rows - traffic.rows) / member_seconds);
  for (long i = 0; i < options.crashes; ++i) {
    const auto victim =
        static_cast<kv::MemberNumber>(options.cluster.members - static_cast<size_t>(i));
    cluster.crash(victim);
    const auto suspect = cluster.run_until(victim, kv::Liveness::suspect, 120s);
    print("suspect_for_all_after", suspect);
    const auto down = cluster.run_until(victim, kv::Liveness::down, 120s);
    print("down_for_all_after", suspect && down ? std::optional(*suspect + *down) : std::nullopt);
  }
  return 0;
}
