#include "libkv/command/ring_text.h"

#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/command/survey_sample.h"

namespace kv {
namespace {

// A ring of `partitions` with the members of the sample in three slots.
Report ring_of(unsigned partitions) {
  Report rows = Report::array();
  for (unsigned p = 0; p < partitions; ++p) {
    Report slots = Report::array();
    for (unsigned s = 0; s < 3; ++s) slots.append(Report::object().set("owner", 1 + (p + s) % 3));
    rows.append(Report::object().set("partition", p).set("slots", std::move(slots)));
  }
  Report ring = sample_ring();
  ring.set("partitions", partitions);
  ring.set("placements",
           Report::array().append(
               Report::object().set("placement", 1).set("n", 3).set("rows", std::move(rows))));
  return ring;
}

TEST(RingText, ShowsSharesAndOwners) {
  EXPECT_EQ(ring_text(ring_of(4)),
            "cluster c0ffee epoch 4 partitions 4\n"
            "\n"
            "N=3, keyspaces: default\n"
            "MEMBER  DC   HOST  STATE  WEIGHT  SLOTS  SHARE  FIRST\n"
            "1       dc1  h1    alive  1       4      33.3%  2\n"
            "2       dc1  h2    alive  1       4      33.3%  1\n"
            "3       dc1  h3    alive  1       4      33.3%  1\n"
            "\n"
            "0 1,2,3 2,3,1 3,1,2 1,2,3\n");
}

TEST(RingText, SixtyFourPartitionsFitATerminal) {
  std::istringstream lines(ring_text(ring_of(64)));
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_LE(line.size(), 80u) << line;
  EXPECT_LE(count, 24u);
}

TEST(RingText, ARowBeginsWithARoundNumber) {
  const std::string text = ring_text(ring_of(64));
  EXPECT_NE(text.find("\n 8 3,1,2"), std::string::npos) << text;
  EXPECT_NE(text.find("\n56 "), std::string::npos) << text;
}

TEST(RingText, MarksWhatIsDownSuspectedAndMoving) {
  Report ring = ring_of(2);
  Report members = Report::array();
  for (Report row : ring.find("members")->elements()) {
    if (row.find("member")->as_unsigned() == 2u) row.set("liveness", "down");
    if (row.find("member")->as_unsigned() == 3u) row.set("liveness", "suspect");
    members.append(std::move(row));
  }
  ring.set("members", std::move(members));
  Report slots = Report::array();
  slots.append(Report::object().set("owner", 1).set("successor", 3));
  slots.append(Report::object().set("owner", 2));
  Report rows = Report::array();
  rows.append(Report::object().set("partition", 0).set("slots", std::move(slots)));
  ring.set("placements",
           Report::array().append(Report::object().set("n", 2).set("rows", std::move(rows))));
  const std::string text = ring_text(ring);
  EXPECT_NE(text.find("\n0 1>3?,2!\n"), std::string::npos) << text;
  EXPECT_NE(text.find("N=2, keyspaces: none\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace kv
