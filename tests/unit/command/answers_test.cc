#include "libkv/command/answers.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(Answers, OneThatIsNotKnownIsUnavailableForAQuestionAndUnknownForAChange) {
  const auto newer = static_cast<Answer>(static_cast<unsigned>(Answer::stale_round) + 1);
  EXPECT_EQ(error_of(newer, "").kind, ErrorKind::unavailable);
  EXPECT_EQ(error_of_change(newer, "").kind, ErrorKind::unknown);
  EXPECT_EQ(error_of_change(newer, "").what, "answer 19, of a newer version");
  EXPECT_EQ(error_of_change(newer, "a reason").what, "a reason");
  EXPECT_EQ(error_of_change(Answer::unavailable, "").kind, ErrorKind::unavailable);
  EXPECT_EQ(error_of_change(Answer::stale_round, "").kind, ErrorKind::unavailable);
  EXPECT_TRUE(is_refusal(Answer::stale_round));
  EXPECT_FALSE(is_refusal(newer));
}

}  // namespace
}  // namespace kv
