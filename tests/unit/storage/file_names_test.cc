// Which files of a directory are an engine's.
#include "libkv/storage/file_names.h"

#include <gtest/gtest.h>

namespace kv {
namespace {

TEST(FileNamesTest, NumbersAreFoundAgain) {
  for (const uint64_t number : {uint64_t{0}, uint64_t{12}, uint64_t{1234567}}) {
    EXPECT_EQ(numbered_file(log_file_name(number), ".log"), number);
    EXPECT_EQ(numbered_file(table_file_name(number), ".sst"), number);
    EXPECT_FALSE(numbered_file(log_file_name(number), ".sst"));
  }
  EXPECT_EQ(log_file_name(12), "000012.log");
  EXPECT_EQ(table_file_name(12), "000012.sst");
}

TEST(FileNamesTest, OnlyNumbersNameFilesOfAnEngine) {
  for (const char* name : {"000012.log", "000012.sst", "1234567.sst"})
    EXPECT_TRUE(is_engine_file(name)) << name;
  for (const char* name : {"", ".sst", "12", "a12.sst", "000012.sst.old", "000012.spare", "kv.log",
                           "0000000000000000012.log"})
    EXPECT_FALSE(is_engine_file(name)) << name;
}

}  // namespace
}  // namespace kv
