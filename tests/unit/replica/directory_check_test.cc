// What a kv-node keeps under each kind of key, and what it does not.
#include "libkv/replica/directory_check.h"

#include <gtest/gtest.h>

#include "libkv/codec/record_codec.h"
#include "libkv/replica/key_layout.h"
#include "libkv/replica/number_row.h"
#include "libkv/replica/stored_hint.h"

namespace kv {
namespace {

constexpr PartitionKey kPartition{1, 7};

StoredRecord sample() {
  StoredRecord stored;
  Sibling sibling;
  sibling.dot.counter = 1;
  sibling.attempt = 1;
  sibling.value = SharedBytes::copy_of("value");
  stored.record.siblings.push_back(sibling);
  return stored;
}

TEST(StoredRowTest, WhatAKvNodeWritesIsSound) {
  const std::string number = encode_number_row(5);
  EXPECT_TRUE(
      check_stored_row(record_key(Space::own, kPartition, 1, "k"), encode_stored_record(sample())));
  EXPECT_TRUE(check_stored_row(record_key(Space::hint, kPartition, 1, "k"),
                               encode_stored_hint({{2, 3}, sample()})));
  EXPECT_TRUE(check_stored_row(owed_key(kPartition, 2), number));
  EXPECT_TRUE(check_stored_row(partition_row_key(Space::round, kPartition), number));
  EXPECT_TRUE(check_stored_row(partition_row_key(Space::refilling, kPartition), ""));
  EXPECT_TRUE(check_stored_row(refilling_all_key(), ""));
  EXPECT_TRUE(check_stored_row(hints_lost_key(), ""));
}

TEST(StoredRowTest, AnythingElseIsNot) {
  const std::string number = encode_number_row(5);
  const std::string record = encode_stored_record(sample());
  EXPECT_FALSE(check_stored_row("", ""));
  EXPECT_FALSE(check_stored_row("\x09", ""));
  EXPECT_FALSE(check_stored_row(record_key(Space::own, kPartition, 1, ""), record));
  EXPECT_FALSE(check_stored_row(record_key(Space::own, kPartition, 1, "k"), number));
  EXPECT_FALSE(check_stored_row(record_key(Space::own, kPartition, 1, "k"), record + "x"));
  EXPECT_FALSE(check_stored_row(record_key(Space::hint, kPartition, 1, "k"), record));
  EXPECT_FALSE(check_stored_row(owed_key(kPartition, 2), "five"));
  EXPECT_FALSE(check_stored_row(owed_key(kPartition, 2) + "x", number));
  EXPECT_FALSE(check_stored_row(partition_row_key(Space::round, kPartition) + "x", number));
  EXPECT_FALSE(check_stored_row(partition_row_key(Space::refilling, kPartition), "x"));
  EXPECT_FALSE(check_stored_row(refilling_all_key() + "\x02", ""));
}

}  // namespace
}  // namespace kv
