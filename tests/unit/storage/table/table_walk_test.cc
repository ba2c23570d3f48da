// A walk over a table tells what is in it, and of every flipped bit where it is.
#include "libkv/storage/table/table_walk.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "libkv/base/hash.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/table/sstable_writer.h"
#include "tests/kit/version_two_table.h"
#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

constexpr const char* kPath = "data/000012.sst";

class Collected final : public TableVisitor {
 public:
  void footer(const TableFooter& footer) override { footers.push_back(footer); }
  void filter(BytesView) override { ++filters; }
  void property(BytesView name, BytesView) override { properties.emplace_back(name); }
  void entry(const Entry& entry, uint64_t) override { keys.emplace_back(entry.key); }
  void block(const TableBlock& block) override { blocks.push_back(block); }
  void finding(const Finding& finding) override { findings.push_back(finding); }

  std::vector<BlockHandle> handles_of(TablePart part) const {
    std::vector<BlockHandle> handles;
    for (const TableBlock& block : blocks)
      if (block.part == part) handles.push_back(block.handle);
    return handles;
  }

  std::vector<TableFooter> footers;
  size_t filters = 0;
  std::vector<std::string> properties, keys;
  std::vector<TableBlock> blocks;
  std::vector<Finding> findings;
};

class TableWalkTest : public testing::Test {
 public:
  TableWalkTest() : files_(disk_) {
    EXPECT_TRUE(files_.make_directories("data"));
    write(100, 400);
  }
  void write(int keys, uint32_t block_bytes) {
    (void)files_.remove(kPath);
    TableInfo info;
    info.number = 12;
    info.salt = 3;
    info.created_us = 77;
    SstableWriter writer(*files_.open(kPath, OpenMode::write_new), {.block_bytes = block_bytes},
                         info);
    for (int i = 0; i < keys; ++i) {
      const auto kind = i % 7 == 0 ? EntryKind::removal : EntryKind::value;
      const std::string value = kind == EntryKind::value ? "value of " + key(i) : "";
      for (const Sequence sequence : {500u, 20u})
        EXPECT_TRUE(writer.add({key(i), sequence + static_cast<Sequence>(i), kind, value}));
    }
    written_ = *writer.finish();
    whole_ = disk_.snapshot();
  }
  static std::string key(int i) { return "key" + std::to_string(1000 + i); }
  Collected walk() {
    Collected collected;
    const auto found = walk_table(files_, kPath, collected);
    EXPECT_TRUE(found);
    if (found) found_ = *found;
    return collected;
  }
  /// Replaces a section's block by one with `change` made; checksum and all.
  template <typename Change>
  void rewrite_section(size_t number, const Change& change) {
    const Collected walked = walk();
    const BlockHandle handle = walked.handles_of(TablePart::section).at(number);
    const auto file = *files_.open(kPath, OpenMode::write);
    const uint64_t salt = walked.footers.at(0).salt;
    const BlockBytes section = *read_stored_block(*file, kPath, handle, salt);
    std::string changed(section.view());
    change(changed);
    std::string stored;
    const uint64_t payload = append_stored_block(
        stored, changed,
        handle.payload_bytes == changed.size() ? BlockCompression::none : BlockCompression::lz4,
        salt, handle.offset);
    ASSERT_EQ(payload, handle.payload_bytes) << "it has no place";
    EXPECT_TRUE(file->write_at(handle.offset, stored));
  }

  SimDisk disk_;
  SimFileSystem files_;
  DiskImage whole_;
  TableInfo written_, found_;
};

TEST_F(TableWalkTest, TellsWhatTheWriterWrote) {
  const Collected collected = walk();
  EXPECT_TRUE(collected.findings.empty()) << to_text(collected.findings[0]);
  EXPECT_EQ(collected.footers.size(), 1u);
  EXPECT_EQ(collected.keys.size(), 200u);
  EXPECT_EQ(collected.properties.size(), 10u);
  found_.number = written_.number;
  EXPECT_EQ(encode_table_info(found_), encode_table_info(written_));
  uint64_t bytes = kTableFooterBytes, entries = 0;
  for (const TableBlock& block : collected.blocks) {
    bytes += block.handle.payload_bytes + kBlockTrailerBytes;
    if (block.part == TablePart::data) entries += block.entries;
  }
  EXPECT_EQ(bytes, written_.file_bytes);
  EXPECT_EQ(entries, 200u);
}

TEST_F(TableWalkTest, ASectorThatTheDiskDoesNotGiveIsToldAndTheRestVerified) {
  const BlockHandle bad = walk().handles_of(TablePart::data).at(2);
  disk_.spoil(kPath, bad.offset);
  const Collected collected = walk();
  ASSERT_EQ(collected.findings.size(), 1u);
  EXPECT_EQ(to_text(collected.findings[0]),
            std::string(kPath) + ": offset " + std::to_string(bad.offset) +
                ": data block: it cannot be read: read: Input/output error");
  EXPECT_LT(collected.keys.size(), 200u);
  EXPECT_EQ(collected.keys.back(), key(99));
}

TEST_F(TableWalkTest, EveryFlippedBitIsFoundInItsBlock) {
  for (uint64_t offset = 0; offset < written_.file_bytes; ++offset) {
    disk_.restore(whole_);
    SimFileSystem files(disk_);
    disk_.rot(kPath, offset, static_cast<unsigned>(offset % 8));
    Collected collected;
    const auto found = walk_table(files, kPath, collected);
    ASSERT_TRUE(found) << offset << ": " << found.error().what;
    ASSERT_FALSE(collected.findings.empty()) << offset;
    ASSERT_TRUE(collected.findings[0].offset) << offset;
    ASSERT_LE(*collected.findings[0].offset, offset);
  }
}

TEST_F(TableWalkTest, ADamagedBlockHidesNoOther) {
  disk_.rot(kPath, 10);
  const Collected collected = walk();
  ASSERT_EQ(collected.findings.size(), 1u);
  EXPECT_EQ(to_text(collected.findings[0]),
            "data/000012.sst: offset 0: data block: the block's checksum does not match");
  EXPECT_GT(collected.keys.size(), 150u);
  EXPECT_EQ(collected.keys.back(), key(99));
}

TEST_F(TableWalkTest, ADamagedIndexIsToldOnce) {
  const BlockHandle index = walk().footers.at(0).index;
  disk_.rot(kPath, index.offset + 3, 1);
  const Collected collected = walk();
  ASSERT_EQ(collected.findings.size(), 1u) << to_text(collected.findings[1]);
  EXPECT_EQ(collected.findings[0].what, "index block: the block's checksum does not match");
}

TEST_F(TableWalkTest, AFilterThatDeniesAKeyIsFound) {
  rewrite_section(0, [](std::string& section) {
    const auto filter_bytes = load_word<uint32_t>(section.data());
    std::fill_n(section.begin() + 4 + 8, filter_bytes - 8, '\0');
  });
  const Collected collected = walk();
  ASSERT_EQ(collected.findings.size(), 200u);
  EXPECT_EQ(collected.findings[0].what, "data block: the filter denies a key");
}

TEST_F(TableWalkTest, TellsOfEachSection) {
  write(900, 40);
  const Collected collected = walk();
  EXPECT_TRUE(collected.findings.empty()) << to_text(collected.findings[0]);
  const auto sections = collected.handles_of(TablePart::section);
  ASSERT_GE(sections.size(), 3u);
  EXPECT_EQ(collected.filters, sections.size());
  EXPECT_EQ(collected.keys.size(), 1800u);
  EXPECT_EQ(found_.entries, written_.entries);
}

TEST_F(TableWalkTest, ADamagedSectionHidesNoOther) {
  write(900, 40);
  const auto sections = walk().handles_of(TablePart::section);
  disk_.rot(kPath, sections[1].offset + 3, 1);
  const Collected collected = walk();
  ASSERT_EQ(collected.findings.size(), 1u) << to_text(collected.findings[1]);
  EXPECT_EQ(collected.findings[0].what, "section block: the block's checksum does not match");
  EXPECT_EQ(collected.handles_of(TablePart::section).size(), sections.size() - 1);
  EXPECT_EQ(collected.keys.front(), key(0));
  EXPECT_EQ(collected.keys.back(), key(899));
  EXPECT_GT(collected.keys.size(), 800u);
  EXPECT_LT(collected.keys.size(), 1800u);
}

TEST_F(TableWalkTest, ASectionThatIsNotWhatItShouldBeIsTold) {
  rewrite_section(0, [](std::string& section) { section[3] = '\x7f'; });
  EXPECT_EQ(walk().findings.at(0).what, "section block: a section block does not parse");
  write(100, 400);
  rewrite_section(0, [](std::string& section) {
    const size_t last = section.rfind("key1099");
    ASSERT_NE(last, std::string::npos);
    section[last + 6] = ':';
  });
  EXPECT_EQ(walk().findings.at(0).what, "section block: it does not end where the index says");
}

// Else a small file would make work without an end.
TEST_F(TableWalkTest, ASectionThatIsNamedTwiceIsReadOnce) {
  write(900, 40);
  const Collected sound = walk();
  const auto file = *files_.open(kPath, OpenMode::write);
  TableFooter footer = sound.footers.at(0);
  const BlockHandle section = sound.handles_of(TablePart::section).at(0);
  BlockBuilder top(1);
  for (const char* key : {"key1", "key2", "key3"})
    top.add({key, 1, EntryKind::value, encode_block_handle(section)});
  std::string stored;
  footer.index.payload_bytes = append_stored_block(stored, top.finish(), BlockCompression::none,
                                                   footer.salt, footer.index.offset);
  ASSERT_TRUE(file->write_at(footer.index.offset, stored));
  ASSERT_TRUE(file->write_at(written_.file_bytes - kTableFooterBytes, encode_table_footer(footer)));
  const Collected told = walk();
  EXPECT_EQ(told.handles_of(TablePart::section).size(), 1u);
  const auto is_refused = [](const Finding& finding) {
    return finding.what == "section block: it does not lie behind the section before it";
  };
  EXPECT_EQ(std::count_if(told.findings.begin(), told.findings.end(), is_refused), 2);
}

TEST_F(TableWalkTest, AFooterOfThisVersionNamesNoFilter) {
  TableFooter footer = walk().footers.at(0);
  footer.filter = {0, 1};
  const auto file = *files_.open(kPath, OpenMode::write);
  ASSERT_TRUE(file->write_at(written_.file_bytes - kTableFooterBytes, encode_table_footer(footer)));
  EXPECT_EQ(walk().findings.at(0).what, "the footer names a filter");
}

TEST_F(TableWalkTest, WhatVersionTwoWroteIsSound) {
  const std::string old = version_two_table();
  const auto walk_old = [&](const std::string& bytes) {
    (void)files_.remove(kPath);
    EXPECT_TRUE((*files_.open(kPath, OpenMode::write_new))->write_at(0, bytes));
    return walk();
  };
  const Collected collected = walk_old(old);
  EXPECT_TRUE(collected.findings.empty()) << to_text(collected.findings[0]);
  EXPECT_EQ(collected.keys.size(), 24u);
  EXPECT_EQ(collected.handles_of(TablePart::filter).size(), 1u);
  EXPECT_EQ(collected.handles_of(TablePart::section).size(), 0u);
  EXPECT_EQ(found_.removals, 4u);
  for (size_t offset = 0; offset < old.size(); ++offset) {
    std::string damaged = old;
    damaged[offset] = static_cast<char>(damaged[offset] ^ (1 << offset % 8));
    const Collected told = walk_old(damaged);
    ASSERT_FALSE(told.findings.empty()) << offset;
    ASSERT_LE(*told.findings[0].offset, offset);
  }
}

TEST_F(TableWalkTest, AFileOfAnyLengthIsWalked) {
  for (uint64_t size = 0; size < written_.file_bytes; size += 7) {
    disk_.restore(whole_);
    SimFileSystem files(disk_);
    ASSERT_TRUE((*files.open(kPath, OpenMode::write))->truncate(size));
    Collected collected;
    ASSERT_TRUE(walk_table(files, kPath, collected));
    ASSERT_FALSE(collected.findings.empty()) << size;
  }
}

TEST_F(TableWalkTest, WhatANewerVersionWroteIsNotCorrupt) {
  const auto file = *files_.open(kPath, OpenMode::write);
  TableFooter footer;
  footer.version = kTableVersion + 1;
  ASSERT_TRUE(file->write_at(written_.file_bytes - kTableFooterBytes, encode_table_footer(footer)));
  Collected collected;
  EXPECT_EQ(walk_table(files_, kPath, collected).error().kind, ErrorKind::format);
  EXPECT_EQ(walk_table(files_, "data/none", collected).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace kv
