#include "libkv/cli/exit_code.h"

#include <vector>

#include <gtest/gtest.h>

namespace kv {
namespace {

// In the order of the contract: the first that occurred is what the run ends with.
const std::vector<int> kOrder = {130, 7, 8, 2, 6, 4, 3, 5, 1, 0};

TEST(ExitCode, CombinesToTheFirstOfTheOrder) {
  for (size_t i = 0; i < kOrder.size(); ++i) {
    for (size_t j = i; j < kOrder.size(); ++j) {
      const auto first = static_cast<ExitCode>(kOrder[i]);
      const auto second = static_cast<ExitCode>(kOrder[j]);
      EXPECT_EQ(to_int(combine(first, second)), kOrder[i]);
      EXPECT_EQ(to_int(combine(second, first)), kOrder[i]);
    }
  }
}

TEST(ExitCode, TellsWhatToRetry) {
  EXPECT_EQ(exit_code_of(ErrorKind::busy), ExitCode::unavailable);
  EXPECT_EQ(exit_code_of(ErrorKind::unavailable), ExitCode::unavailable);
  EXPECT_EQ(exit_code_of(ErrorKind::unknown), ExitCode::unknown);
}

TEST(ExitCode, KnowsTheDaemonsRefusals) {
  for (const auto kind :
       {ErrorKind::invalid, ErrorKind::locked, ErrorKind::wrong_cluster, ErrorKind::format}) {
    EXPECT_EQ(to_int(exit_code_of(kind)), 2);
  }
  EXPECT_EQ(to_int(exit_code_of(ErrorKind::no_space)), 8);
  EXPECT_EQ(to_int(exit_code_of(ErrorKind::corrupt)), 6);
  EXPECT_EQ(to_int(exit_code_of(ErrorKind::not_found)), 1);
}

}  // namespace
}  // namespace kv
