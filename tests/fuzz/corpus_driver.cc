// Runs a fuzz target without libFuzzer. A fault aborts.
//
//   TARGET                      over the target's samples and a few thousand seeded mutations of
//                               each
//   TARGET FILE…                over these files
//   TARGET --corpus KEPT        as without arguments, and over what libFuzzer once found, with some
//                               mutations of each; KEPT has an input a line, in hexadecimal digits
//   TARGET --write DIR [KEPT]   writes the samples, and what was kept, into DIR: what libFuzzer is
//                               given to begin with
//   TARGET --keep DIR           prints the files of DIR as lines for KEPT, the shortest first and
//                               as many as have their place in the repository
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "libkv/base/random.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr int kMutationsOfSample = 2000, kMutationsOfKept = 20;
/// Of one input, and of all together: more is not worth its place in the repository.
constexpr size_t kKeptBytesMax = 4096, kAllKeptBytesMax = 90 << 10;

void run_once(const std::string& input) {
  // A copy of exactly this size, so that a sanitizer sees a read beyond it.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutated(std::string input, kv::Random& random) {
  for (uint64_t i = random.below(6) + 1; i > 0 && !input.empty(); --i) {
    const auto at = static_cast<size_t>(random.below(input.size()));
    switch (random.below(4)) {
      case 0:
        input[at] = static_cast<char>(random.next());
        break;
      case 1:
        input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
        break;
      case 2:
        input.erase(at, static_cast<size_t>(random.below(16) + 1));
        break;
      default:
        input.insert(at, static_cast<size_t>(random.below(16) + 1), '\xff');
    }
  }
  return input;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> kept_in(const std::string& path) {
  std::vector<std::string> inputs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string& input = inputs.emplace_back();
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      input.push_back(static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16)));
  }
  return inputs;
}

int keep(const std::string& directory) {
  std::vector<std::string> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    inputs.push_back(bytes_of(entry.path().string()));
  std::sort(inputs.begin(), inputs.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  size_t kept_bytes = 0;
  for (const std::string& input : inputs) {
    if (input.empty() || input.size() > kKeptBytesMax) continue;
    kept_bytes += input.size();
    if (kept_bytes > kAllKeptBytesMax) break;
    for (const char byte : input) std::printf("%02x", static_cast<unsigned char>(byte));
    std::printf("\n");
  }
  return 0;
}

int write(const std::string& directory, const std::vector<std::string>& kept) {
  int written = 0;
  std::vector<std::string> all = fuzz_samples();
  all.insert(all.end(), kept.begin(), kept.end());
  for (const std::string& input : all) {
    std::ofstream file(directory + "/sample-" + std::to_string(written), std::ios::binary);
    if (!(file << input)) return 8;
    ++written;
  }
  std::printf("%d samples\n", written);
  return 0;
}

int run_mutations(const std::vector<std::string>& inputs, int mutations, kv::Random& random) {
  int runs = 0;
  for (const std::string& input : inputs) {
    run_once(input);
    for (int i = 0; i < mutations; ++i, ++runs) run_once(mutated(input, random));
  }
  return runs;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string first = words.empty() ? "" : words[0];
  if (first == "--write" && words.size() >= 2)
    return write(words[1], words.size() == 3 ? kept_in(words[2]) : std::vector<std::string>());
  if (first == "--keep" && words.size() == 2) return keep(words[1]);
  int runs = 0;
  if (words.empty() || first == "--corpus") {
    kv::Random random(1);
    runs += run_mutations(fuzz_samples(), kMutationsOfSample, random);
    if (words.size() == 2) runs += run_mutations(kept_in(words[1]), kMutationsOfKept, random);
  } else {
    for (const std::string& path : words) run_once(bytes_of(path));
    runs = static_cast<int>(words.size());
  }
  std::printf("%d inputs\n", runs);
  return 0;
}
