// Pages that are written again must hold what stood there before.
#include "libkv/storage/log/log_tail.h"

#include <gtest/gtest.h>

#include "libkv/base/random.h"

namespace kv {
namespace {

TEST(LogTailTest, ItsPagesAndPlainWritesMakeOneFile) {
  Random random(8);
  for (const size_t bytes_max : {40u, 3000u, 20000u}) {
    LogTail tail;
    std::string written, file;
    for (int i = 0; i < 400; ++i) {
      const std::string bytes(1 + random.below(bytes_max), static_cast<char>('a' + i % 26));
      if (random.below(3) != 0) {
        const LogTail::Pages pages = tail.with(written.size(), bytes);
        ASSERT_EQ(pages.offset % kFilePageBytes, 0u);
        ASSERT_EQ(pages.bytes.size() % kFilePageBytes, 0u);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(pages.bytes.data()) % kFilePageBytes, 0u);
        file.resize(pages.offset);
        file += pages.bytes;
      } else {
        file.resize(written.size());
        file += bytes;
      }
      tail.note(bytes);
      written += bytes;
      ASSERT_EQ(file.substr(0, written.size()), written);
      ASSERT_EQ(file.find_first_not_of('\0', written.size()), std::string::npos);
    }
  }
}

TEST(LogTailTest, ANewSegmentBeginsEmpty) {
  LogTail tail;
  tail.note("of the segment before");
  tail.begin();
  const LogTail::Pages pages = tail.with(0, "first");
  EXPECT_EQ(pages.offset, 0u);
  EXPECT_EQ(pages.bytes.substr(0, 6), BytesView("first\0", 6));
}

TEST(LogTailTest, TakesAGroupOfTheLargestSize) {
  LogTail tail;
  tail.note(std::string(kFilePageBytes - 1, 'x'));
  const std::string group(LogTail::kGroupBytesMax, 'g');
  const LogTail::Pages pages = tail.with(kFilePageBytes - 1, group);
  EXPECT_EQ(pages.bytes.size(), kFilePageBytes + LogTail::kGroupBytesMax);
  EXPECT_EQ(pages.bytes.substr(kFilePageBytes - 1, group.size()), group);
}

}  // namespace
}  // namespace kv
