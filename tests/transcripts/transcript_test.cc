// Runs the transcripts beside this file: scripts of what one machine is told, with what it must
// answer (in the manner of etcd/raft's datadriven tests). Each block is commands, a line `----`,
// and the expected actions up to an empty line; `#` begins a comment. The commands of each kind
// stand in put_get_script.cc, scan_script.cc and client_script.cc; a file's name begins with its
// kind.
//
// KV_TRANSCRIPTS_REWRITE=FOLDER writes there what the files would be with what was really answered.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/transcripts/script.h"

namespace kv::transcript {
namespace {

struct Replay {
  std::string expected;
  std::string actual;
};

std::unique_ptr<Script> script_for(const std::string& file) {
  if (file.rfind("scan", 0) == 0) return make_scan_script();
  if (file.rfind("client", 0) == 0) return make_client_script();
  return make_put_get_script();
}

// The file as it is, and as it would be with what was really answered.
Replay run_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  Replay run;
  const auto script = script_for(path.filename().string());
  std::string answered;
  bool expecting = false;
  for (std::string line; std::getline(in, line);) {
    run.expected += line + "\n";
    if (line == "----") {
      run.actual += line + "\n" + std::exchange(answered, "");
      expecting = true;
    } else if (line.empty()) {
      run.actual += answered.empty() ? "\n" : "(nothing was expected of:)\n" + answered + "\n";
      answered.clear();
      expecting = false;
    } else if (!expecting) {
      run.actual += line + "\n";
      if (line[0] != '#') answered += script->run(line);
    }
  }
  return run;
}

class Transcript : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcript, SaysWhatIsWritten) {
  const Replay run = run_file(std::filesystem::path(KV_TRANSCRIPTS) / GetParam());
  if (const char* into = std::getenv("KV_TRANSCRIPTS_REWRITE")) {
    std::ofstream(std::filesystem::path(into) / GetParam()) << run.actual;
  }
  EXPECT_EQ(run.expected, run.actual);
}

std::vector<std::string> transcripts() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(KV_TRANSCRIPTS)) {
    if (entry.path().extension() == ".txt") found.push_back(entry.path().filename().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

INSTANTIATE_TEST_SUITE_P(All, Transcript, ::testing::ValuesIn(transcripts()),
                         [](const auto& named) {
                           std::string name = named.param.substr(0, named.param.find('.'));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace kv::transcript
