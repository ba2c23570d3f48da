#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/replica/replica_fixture.h"

namespace kv::test {
namespace {

class ReadTest : public ReplicaTest {
 protected:
  msg::Read read_of(const std::string& key) {
    msg::Read request;
    request.id = ++requests;
    request.epoch = replica->epoch();
    request.time_left = 5s;
    request.keyspace = kKeyspace;
    request.key = bytes(key);
    return request;
  }
  msg::ScanPage page_of(const std::string& from, const std::string& to) {
    msg::ScanPage request;
    request.epoch = replica->epoch();
    request.time_left = 5s;
    request.keyspace = kKeyspace;
    request.from = from;
    request.to = to;
    return request;
  }
  const msg::ScanPageDone& scan(const std::string& from, const std::string& to,
                                uint32_t records_max = 0, bool reverse = false) {
    msg::ScanPage request = page_of(from, to);
    request.records_max = records_max;
    request.reverse = reverse;
    replica->on_scan_page({1}, request);
    run();
    return answers.last<msg::ScanPageDone>();
  }
  static std::vector<std::string> keys(const msg::ScanPageDone& page) {
    std::vector<std::string> names;
    for (const msg::KeyRecord& record : page.records) names.emplace_back(record.key.view());
    return names;
  }
};

TEST_F(ReadTest, AnAbsentKeyIsAnEmptyRecordWithADigest) {
  open();
  const msg::ReadDone done = read("k");
  EXPECT_EQ(done.answer, Answer::ok);
  EXPECT_TRUE(done.record.is_empty());
  EXPECT_EQ(done.digest, digest_of(Record{}));
}

TEST_F(ReadTest, ADigestIsWithoutTheRecord) {
  open();
  const Record made = mint("k", "v").record;
  msg::Read request = read_of("k");
  request.digest_only = true;
  replica->on_read({1}, request);
  EXPECT_FALSE(answers.last<msg::ReadDone>().has_record);
  EXPECT_TRUE(answers.last<msg::ReadDone>().record.is_empty());
  EXPECT_EQ(answers.last<msg::ReadDone>().digest, digest_of(made));
}

TEST_F(ReadTest, ADurableReadWaitsForTheLog) {
  open();
  engine->sync_by_itself = false;
  mint("k", "v");
  msg::Read request = read_of("k");
  request.durable = true;
  replica->on_read({1}, request);
  EXPECT_TRUE(answers.all<msg::ReadDone>().empty());
  engine->sync_now();
  EXPECT_EQ(values(answers.last<msg::ReadDone>().record), std::vector<std::string>{"v"});
}

TEST_F(ReadTest, AReadFromTheDiskHoldsNothingUp) {
  open();
  mint("k", "v");
  mint("m", "w");
  engine->cold = {own_key("k")};
  replica->on_read({1}, read_of("k"));
  EXPECT_EQ(values(read("m").record), std::vector<std::string>{"w"});
  EXPECT_EQ(answers.all<msg::ReadDone>().size(), 1u);
  engine->answer_read();
  EXPECT_EQ(values(answers.last<msg::ReadDone>().record), std::vector<std::string>{"v"});
}

TEST_F(ReadTest, ReadsOfOneFrameAreLookedUpTogether) {
  open();
  for (int i = 0; i < 20; ++i) mint("k" + std::to_string(i), "v" + std::to_string(i));
  engine->cold = {own_key("k3"), own_key("k7")};
  replica->begin_frame();
  for (int i = 0; i < 20; ++i)
    replica->on_read({static_cast<uint64_t>(i)}, read_of("k" + std::to_string(i)));
  EXPECT_TRUE(answers.all<msg::ReadDone>().empty());
  EXPECT_EQ(engine->lookups_of_many, 0);
  replica->end_frame();
  EXPECT_EQ(engine->lookups_of_many, 1);
  ASSERT_EQ(answers.all<msg::ReadDone>().size(), 18u) << "two wait for the disk, for themselves";
  ASSERT_EQ(engine->waiting_reads(), 2u);
  while (engine->waiting_reads() > 0) engine->answer_read();
  for (const auto& [asker, done] : answers.all<msg::ReadDone>())
    EXPECT_EQ(values(done.record), std::vector<std::string>{"v" + std::to_string(asker)});
  EXPECT_EQ(answers.all<msg::ReadDone>().size(), 20u);
}

TEST_F(ReadTest, AReadBeforeAWriteInItsFrameDoesNotSeeIt) {
  open();
  mint("k", "before");
  replica->begin_frame();
  replica->on_read({1}, read_of("k"));
  msg::Mint request = mint_of("k", "after");
  request.context = answers.last<msg::MintMade>().record.context;
  mint(request);
  replica->on_read({2}, read_of("k"));
  replica->end_frame();
  const auto& done = answers.all<msg::ReadDone>();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(values(done[0].second.record), std::vector<std::string>{"before"});
  EXPECT_EQ(values(done[1].second.record), std::vector<std::string>{"after"});
}

TEST_F(ReadTest, AReadBeforeAMapInItsFrameIsAnsweredByTheOlder) {
  open();
  mint("k", "v");
  replica->begin_frame();
  replica->on_read({1}, read_of("k"));
  replica->set_map(map_with_rows(6, [](PartitionRow& row) { row.slots[0].owner = 6; }));
  replica->end_frame();
  EXPECT_EQ(answers.last<msg::ReadDone>().answer, Answer::ok);
}

TEST_F(ReadTest, WhatWasPlannedBeforeAMapIsNotAnsweredAfterIt) {
  open();
  mint("k", "v");
  engine->cold = {own_key("k")};
  replica->on_read({1}, read_of("k"));
  replica->set_map(map_with_rows(6, [](PartitionRow& row) { row.slots[0].owner = 6; }));
  engine->answer_read();
  EXPECT_EQ(answers.last<msg::ReadDone>().answer, Answer::stale_epoch);
}

TEST_F(ReadTest, AnAnswerAfterTheReplicasEndIsDropped) {
  open();
  engine->cold = {own_key("k")};
  replica->on_read({1}, read_of("k"));
  mint("k", "v");
  replica.reset();
  while (engine->waiting_reads() > 0) engine->answer_read();
  EXPECT_TRUE(answers.all<msg::ReadDone>().empty());
}

TEST_F(ReadTest, FetchAnswersInOrderEachForItself) {
  open();
  mint("a", "1");
  mint("b", "2");
  mint("c", "3");
  engine->cold = {own_key("a")};
  engine->damaged = {own_key("b")};
  msg::Fetch request;
  request.epoch = 5;
  for (const char* key : {"a", "b", "c", "d"}) request.keys.push_back({kKeyspace, bytes(key)});
  replica->on_fetch({1}, request);
  EXPECT_TRUE(answers.all<msg::Fetched>().empty());
  engine->answer_read();
  const msg::Fetched& fetched = answers.last<msg::Fetched>();
  ASSERT_EQ(fetched.records.size(), 4u);
  EXPECT_EQ(values(fetched.records[0].record), std::vector<std::string>{"1"});
  EXPECT_EQ(fetched.records[1].answer, Answer::corrupt);
  EXPECT_EQ(values(fetched.records[2].record), std::vector<std::string>{"3"});
  EXPECT_EQ(fetched.records[3].answer, Answer::ok);
  EXPECT_TRUE(fetched.records[3].record.is_empty());
}

TEST_F(ReadTest, OneFetchIsBoundedInBytes) {
  open();
  const std::string big(limits::fetch_bytes_max / 2 - 1000, 'x');
  settings.value_bytes_max = big.size();
  open();
  msg::Fetch request;
  request.epoch = 5;
  for (const char* key : {"a", "b", "c"}) {
    mint(key, big);
    request.keys.push_back({kKeyspace, bytes(key)});
  }
  replica->on_fetch({1}, request);
  const auto& records = answers.last<msg::Fetched>().records;
  EXPECT_EQ(records[0].answer, Answer::ok);
  EXPECT_EQ(records[1].answer, Answer::ok);
  EXPECT_EQ(records[2].answer, Answer::busy);
}

TEST_F(ReadTest, ExplainTellsWhereAKeyLies) {
  open();
  mint("k", "v");
  engine->cold = {own_key("k")};
  std::vector<KeyFacts> told;
  replica->explain(kKeyspace, bytes("k"), [&](const KeyFacts& facts) { told.push_back(facts); });
  engine->answer_read();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].partition, partition("k"));
  EXPECT_EQ(told[0].own_found_in, FoundIn::disk);
  EXPECT_EQ(told[0].own_level, 1);
  EXPECT_TRUE(told[0].own->mark);
  EXPECT_TRUE(told[0].standing.mints);
  EXPECT_FALSE(told[0].hint);
}

// Scans.

TEST_F(ReadTest, AScanIsInKeyOrderOverAllPartitions) {
  open();
  std::vector<std::string> all;
  for (char c = 'a'; c <= 'z'; ++c) {
    all.emplace_back(1, c);
    mint(all.back(), "v");
  }
  EXPECT_EQ(keys(scan("", "")), all);
  EXPECT_TRUE(answers.last<msg::ScanPageDone>().exhausted);
  EXPECT_EQ(keys(scan("c", "f")), (std::vector<std::string>{"c", "d", "e"}));
  EXPECT_EQ(keys(scan("c", "f", 0, true)), (std::vector<std::string>{"e", "d", "c"}));
  EXPECT_EQ(keys(scan("", "", 2, true)), (std::vector<std::string>{"z", "y"}));
  EXPECT_FALSE(answers.last<msg::ScanPageDone>().exhausted);
  EXPECT_EQ(keys(scan("y", "", 2)), (std::vector<std::string>{"y", "z"}));
  EXPECT_TRUE(answers.last<msg::ScanPageDone>().exhausted);
  EXPECT_TRUE(keys(scan("f", "c")).empty());
}

TEST_F(ReadTest, InDoubtOfALossItMintsNothingAndCountsForNoStrictRead) {
  open();
  mint("k", "v");
  replica->begin_in_doubt();
  EXPECT_TRUE(read("k").refilling);
  const msg::ScanPageDone doubtful = scan("", "");
  EXPECT_EQ(keys(doubtful), std::vector<std::string>{"k"});
  EXPECT_FALSE(doubtful.refilling.empty());
  EXPECT_EQ(mint("k", "over what may be lost").answer, Answer::busy);
  ASSERT_TRUE(replica->end_doubt(false));
  EXPECT_FALSE(read("k").refilling);
  EXPECT_TRUE(scan("", "").refilling.empty());
}

TEST_F(ReadTest, AScanIsBoundedInBytes) {
  open();
  settings.value_bytes_max = limits::scan_page_bytes_max;
  open();
  for (const char* key : {"a", "b", "c"}) mint(key, std::string(600'000, 'x'));
  EXPECT_EQ(keys(scan("", "")).size(), 2u);
  EXPECT_FALSE(answers.last<msg::ScanPageDone>().exhausted);
}

TEST_F(ReadTest, FewPagesAreReadAtATimeAndAllAreAnswered) {
  open();
  mint("k", "v");
  for (size_t i = 0; i < limits::range_walks_max; ++i) replica->on_scan_page({i}, page_of("", ""));
  EXPECT_EQ(replica->counters().scan_pages, limits::scan_pages_at_once);
  replica->on_scan_page({1000}, page_of("", ""));
  EXPECT_EQ(answers.last<msg::ScanPageDone>().answer, Answer::busy);
  run();
  auto& pages = answers.all<msg::ScanPageDone>();
  ASSERT_EQ(pages.size(), limits::range_walks_max + 1);
  std::set<uint64_t> answered;
  for (const auto& [asker, page] : pages) {
    answered.insert(asker);
    EXPECT_TRUE(asker == 1000 || keys(page) == std::vector<std::string>{"k"});
  }
  EXPECT_EQ(answered.size(), pages.size());
}

TEST_F(ReadTest, NoPageIsReadForAnAskerUntilItHasTakenItsAnswers) {
  settings.scan_pages_at_once = 1;
  settings.untaken_bytes_max = 1000;
  open();
  mint("k", "v");
  answers.untaken[1] = 1000;
  replica->on_scan_page({1}, page_of("", ""));
  replica->on_scan_page({2}, page_of("", ""));
  run();
  auto& pages = answers.all<msg::ScanPageDone>();
  ASSERT_EQ(pages.size(), 1u) << "others do not wait for it";
  EXPECT_EQ(pages[0].first, 2u);

  answers.untaken[1] = 999;
  replica->on_answers_taken();
  run();
  ASSERT_EQ(pages.size(), 2u);
  EXPECT_EQ(pages[1].first, 1u);
  EXPECT_EQ(keys(pages[1].second), std::vector<std::string>{"k"});
}

TEST_F(ReadTest, APageWhoseAskerTakesNothingIsLateInItsTime) {
  open();
  answers.untaken[1] = settings.untaken_bytes_max;
  replica->on_scan_page({1}, page_of("", ""));
  run();
  replica->on_answers_taken();
  EXPECT_TRUE(answers.all<msg::ScanPageDone>().empty());
  pass(6s);
  replica->on_answers_taken();
  EXPECT_EQ(answers.last<msg::ScanPageDone>().answer, Answer::late);
  answers.untaken.clear();
  EXPECT_EQ(scan("", "").answer, Answer::ok) << "it does not count as running";
}

TEST_F(ReadTest, AnAskerThatTakesNothingDoesNotHoldAllPlaces) {
  open();
  mint("k", "v");
  answers.untaken[1] = settings.untaken_bytes_max;
  for (size_t i = 0; i < limits::range_walks_max; ++i) replica->on_scan_page({1}, page_of("", ""));
  run();
  auto& pages = answers.all<msg::ScanPageDone>();
  EXPECT_EQ(pages.size(), limits::range_walks_max - limits::scan_pages_at_once);
  for (const auto& [asker, page] : pages) EXPECT_EQ(page.answer, Answer::busy);
  replica->on_scan_page({2}, page_of("", ""));
  run();
  EXPECT_EQ(answers.last<msg::ScanPageDone>().answer, Answer::ok);
}

TEST_F(ReadTest, AFallbacksScanShowsItsHints) {
  open(4);
  msg::Merge request = merge_of("k", foreign(1, 1, "a"), {2});
  request.round = 0;
  merge(request);
  const msg::ScanPageDone& page = scan("", "");
  ASSERT_EQ(keys(page), std::vector<std::string>{"k"});
  EXPECT_EQ(values(page.records[0].record), std::vector<std::string>{"a"});
}

TEST_F(ReadTest, AScanOverADamagedBlockIsCorrupt) {
  open();
  for (const char* key : {"a", "b", "c"}) mint(key, "v");
  engine->damaged = {own_key("b")};
  EXPECT_EQ(scan("", "").answer, Answer::corrupt);
  EXPECT_TRUE(answers.last<msg::ScanPageDone>().records.empty());
}

TEST_F(ReadTest, AScanOfAnOlderMapIsRefused) {
  open(1, map_with_rows(5, [](PartitionRow&) {}));
  msg::ScanPage request;
  request.epoch = 4;
  request.time_left = 5s;
  request.keyspace = kKeyspace;
  replica->on_scan_page({1}, request);
  EXPECT_EQ(answers.last<msg::ScanPageDone>().answer, Answer::stale_epoch);
}

}  // namespace
}  // namespace kv::test
