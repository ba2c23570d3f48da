// Runs a fuzz target without libFuzzer: over the files named as arguments, or, if there are none,
// over the target's samples and a few thousand seeded mutations of them. A fault aborts.
//
// With --write DIRECTORY it writes the samples there: what libFuzzer is given to begin with.
#include <cstdio>
#include <fstream>
#include <iterator>

#include "libkv/base/random.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

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

int write_samples(const std::string& directory) {
  int written = 0;
  for (const std::string& sample : fuzz_samples()) {
    std::ofstream file(directory + "/sample-" + std::to_string(written), std::ios::binary);
    if (!(file << sample)) return 8;
    ++written;
  }
  std::printf("%d samples\n", written);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--write") return write_samples(argv[2]);
  int runs = 0;
  for (int i = 1; i < argc; ++i, ++runs) {
    std::ifstream file(argv[i], std::ios::binary);
    run_once(std::string(std::istreambuf_iterator<char>(file), {}));
  }
  if (argc == 1) {
    kv::Random random(1);
    for (const std::string& sample : fuzz_samples()) {
      run_once(sample);
      for (int i = 0; i < 2000; ++i, ++runs) run_once(mutated(sample, random));
    }
  }
  std::printf("%d inputs\n", runs);
  return 0;
}
