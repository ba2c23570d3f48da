#include "libkv/cli/output.h"

#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace kv {
namespace {

TEST(Output, AFullDiskIsNoticedAndKept) {
  Output output(::open("/dev/full", O_WRONLY), "out");
  EXPECT_TRUE(output.write("buffered"));
  const auto finished = output.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::no_space);
  EXPECT_EQ(finished.error().what, "out: No space left on device");
  EXPECT_FALSE(output.write("more"));
}

TEST(Output, BytesArriveInOrderWhateverTheirSizes) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_GE(::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
  Output output(ends[1], "pipe");
  std::string expected;
  for (const size_t size : {1u, 65535u, 1u, 65536u, 100000u, 0u, 7u}) {
    const std::string part(size, static_cast<char>('a' + size % 26));
    expected += part;
    ASSERT_TRUE(output.write(part));
  }
  ASSERT_TRUE(output.close_line());  // Not a terminal: nothing is added.
  ASSERT_TRUE(output.finish());
  std::string got(expected.size() + 1, '\0');
  size_t used = 0;
  for (ssize_t count; (count = ::read(ends[0], &got[used], got.size() - used)) > 0;) {
    used += static_cast<size_t>(count);
  }
  got.resize(used);
  EXPECT_TRUE(got == expected);
  ::close(ends[0]);
}

TEST(OutputDeathTest, AReaderGoneEndsTheProcessBySigpipe) {
  EXPECT_EXIT(
      {
        int ends[2];
        if (::pipe(ends) != 0) ::_exit(1);
        ::close(ends[0]);
        Output output(ends[1], "pipe");
        (void)output.write("x");
        (void)output.finish();
        ::_exit(2);
      },
      ::testing::KilledBySignal(SIGPIPE), "^$");
}

}  // namespace
}  // namespace kv
