// What every fuzz target defines: libFuzzer's entry point. Without libFuzzer, corpus_driver.cc
// calls it with files and with seeded mutations of the target's own samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

/// Well-formed inputs to start from.
std::vector<std::string> fuzz_samples();
