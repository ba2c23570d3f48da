// What the offline tools say of a log: where it ends and why, and what is wrong with it.
#include "libkv/storage/log/log_survey.h"

#include <gtest/gtest.h>

#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "tests/sim/sim_file_system.h"

namespace kv {
namespace {

constexpr uint64_t kSecret = 99;
constexpr uint64_t kSegmentBytes = 4096;

class LogSurveyTest : public testing::Test {
 public:
  LogSurveyTest() : files_(disk_) { EXPECT_TRUE(files_.make_directories("log")); }

  /// Begins a segment over `before`, which another life left.
  void begin(uint64_t number, Sequence first, std::string before = {}) {
    number_ = number;
    end_ = 0;
    LogSegmentHeader header;
    header.version = version_;
    header.number = number;
    header.salt = log_salt(kSecret, number);
    header.segment_bytes = kSegmentBytes;
    header.recycled = !before.empty();
    bytes_ = before.empty() ? std::string(kSegmentBytes, '\0') : std::move(before);
    put(LogRecordKind::segment_header, first, 0, encode_segment_header(header), first - 1);
  }
  /// A batch of `count` puts; returns where it begins.
  uint64_t batch(Sequence sequence, Sequence durable, uint32_t count = 1) {
    WriteBatch batch;
    for (uint32_t i = 0; i < count; ++i) batch.put("k" + std::to_string(sequence + i), "value");
    return put(LogRecordKind::batch, sequence, count, batch.encoded(), durable);
  }
  void damage(uint64_t offset) { bytes_[offset] = static_cast<char>(bytes_[offset] ^ 1); }
  void write() {
    const std::string path = "log/" + log_file_name(number_);
    ASSERT_TRUE((*files_.open(path, OpenMode::write))->write_at(0, bytes_));
    if (options_.paths.empty() || options_.paths.back() != path) options_.paths.push_back(path);
  }
  LogSurvey survey() {
    ends_.clear();
    findings_.clear();
    notes_ = 0;
    options_.directory = "log";
    const auto found = survey_log(
        files_, options_,
        [this](const SurveyedSegment& segment) {
          ends_.push_back({to_string(segment.end), segment.end_offset});
        },
        [this](const Finding& finding) {
          const bool is_note = finding.severity == Finding::Severity::note;
          findings_.push_back((is_note ? "note: " : "") + to_text(finding));
          notes_ += is_note;
        });
    EXPECT_TRUE(found) << found.error().what;
    return found.value_or(LogSurvey{});
  }

  SimDisk disk_;
  SimFileSystem files_;
  LogSurveyOptions options_;
  uint32_t version_ = kLogVersion;
  uint64_t number_ = 0;
  uint64_t end_ = 0;
  std::string bytes_;
  std::vector<std::pair<std::string, uint64_t>> ends_;
  std::vector<std::string> findings_;
  size_t notes_ = 0;  // Of the findings.
  using Ends = decltype(ends_);
  using Texts = std::vector<std::string>;

 private:
  uint64_t put(LogRecordKind kind, Sequence first, uint32_t count, BytesView payload,
               Sequence durable) {
    std::string record;
    append_unsealed_record(record, kind, first, count, payload);
    seal_record(record.data(), log_salt(kSecret, number_), end_, durable);
    bytes_.replace(end_, record.size(), record);
    end_ += record.size();
    return end_ - record.size();
  }
};

TEST_F(LogSurveyTest, ASoundLogEndsCleanWithAndWithoutTheSecret) {
  begin(1, 1);
  batch(1, 0);
  batch(2, 1);
  const uint64_t end_of_first = end_;
  write();
  begin(2, 3, bytes_);
  batch(3, 2);
  write();
  for (const bool knows : {true, false}) {
    if (knows) options_.secret = kSecret;
    if (knows) options_.flushed = 0;
    const LogSurvey found = survey();
    EXPECT_EQ(found.last_sequence, 3u);
    EXPECT_EQ(found.records, 5u);
    EXPECT_EQ(found.operations, 3u);
    EXPECT_EQ(ends_, (Ends{{"clean", end_of_first}, {"clean", end_}}));
    EXPECT_EQ(findings_, Texts());
    options_.secret.reset();
    options_.flushed.reset();
  }
}

TEST_F(LogSurveyTest, ATornTailIsToldFromDamage) {
  begin(1, 1);
  batch(1, 0);
  const uint64_t second = batch(2, 1);
  damage(second + 41);
  write();
  survey();
  EXPECT_EQ(ends_, (Ends{{"torn", second}}));
  EXPECT_EQ(findings_, Texts{"note: log/000001.log: offset " + std::to_string(second) +
                             ": a torn tail, which nobody was promised"});
  batch(3, 2);
  const uint64_t end = end_;
  write();
  survey();
  EXPECT_EQ(ends_, (Ends{{"damaged", end}}));
  EXPECT_EQ(findings_, Texts{"log/000001.log: offset " + std::to_string(second) +
                             ": durable log records of the sequences 2 to 2 are damaged or "
                             "missing"});
}

TEST_F(LogSurveyTest, ASectorThatTheDiskDoesNotGiveIsToldAndTheRestVerified) {
  begin(1, 1, std::string(3 * kLogPieceBytes, '\0'));
  batch(1, 0);
  batch(2, 1, 800);
  const uint64_t last = batch(802, 801);
  write();
  begin(2, 803);
  damage(batch(803, 802) + 41);
  batch(804, 803);
  write();
  disk_.spoil("log/000001.log", kLogPieceBytes);
  options_.secret = kSecret;
  options_.flushed = 0;
  survey();
  EXPECT_GT(last, 2 * kLogPieceBytes) << "it is in what can be read";
  ASSERT_EQ(findings_.size(), 3u);
  EXPECT_EQ(findings_[0], "log/000001.log: offset " + std::to_string(kLogPieceBytes) +
                              ": cannot be read: read: Input/output error");
  EXPECT_NE(findings_[1].find("the sequences 2 to 801 are"), std::string::npos) << findings_[1];
  EXPECT_NE(findings_[2].find("the sequences 803 to 803 are"), std::string::npos) << findings_[2];
}

TEST_F(LogSurveyTest, SegmentsThatWereFlushedMayBeGoneAndAreVerifiedIfThere) {
  begin(1, 1);
  batch(1, 0);
  write();
  begin(3, 10);
  const uint64_t hole = batch(10, 9);
  batch(11, 10);
  damage(hole + 41);
  write();
  options_.secret = kSecret;
  options_.flushed = 11;
  survey();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].find("log/000003.log: offset " + std::to_string(hole)), 0u);
  // What was not flushed must all be there.
  options_.flushed = 5;
  survey();
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_NE(findings_[1].find("sequences 6 to 9"), std::string::npos) << findings_[1];
  options_.known_durable = 20;
  survey();
  ASSERT_EQ(findings_.size(), 3u);
  EXPECT_NE(findings_[2].find("sequences 12 to 20"), std::string::npos) << findings_[2];
}

TEST_F(LogSurveyTest, ADamagedHeaderIsTold) {
  begin(1, 1);
  batch(1, 0);
  batch(2, 1);
  damage(50);
  write();
  survey();
  EXPECT_EQ(findings_, Texts{"log/000001.log: offset 0: no record, and no header of any segment"});
  EXPECT_EQ(ends_, (Ends{{"damaged", 0}}));
  options_.secret = kSecret;
  survey();
  EXPECT_EQ(findings_, Texts{"log/000001.log: offset 0: the segment's header is damaged"});
  EXPECT_EQ(ends_, (Ends{{"damaged", end_}}));
}

TEST_F(LogSurveyTest, AHeaderOfOneRecordWasDurableIfACleanStopSaysSoOfTheRecord) {
  begin(1, 1);
  batch(1, 0);
  damage(50);
  write();
  options_.secret = kSecret;
  options_.flushed = 0;
  survey();
  EXPECT_EQ(findings_, Texts{"note: log/000001.log: offset 0: the segment's header is missing: "
                             "torn, or damaged"});
  options_.known_durable = 1;
  survey();
  EXPECT_EQ(findings_, Texts{"log/000001.log: offset 0: the segment's header is damaged"});
}

TEST_F(LogSurveyTest, WhereRecordsAreDamagedIsNoTornTail) {
  options_.secret = kSecret;
  options_.flushed = 0;
  begin(1, 1);
  batch(1, 0);
  const uint64_t second = batch(2, 1);
  damage(second + 41);
  write();
  const Texts damaged{"log/000001.log: offset " + std::to_string(second) +
                      ": durable log records of the sequences 2 to 2 are damaged or missing"};
  // A clean stop says that it had been durable.
  options_.known_durable = 2;
  EXPECT_EQ(survey().corruption.size(), 1u);
  EXPECT_EQ(findings_, damaged);
  EXPECT_EQ(ends_, (Ends{{"damaged", second}}));
  // So does the next segment.
  options_.known_durable = 0;
  begin(2, 3);
  batch(3, 2);
  write();
  EXPECT_EQ(survey().corruption.size(), 1u);
  EXPECT_EQ(findings_, damaged);
  EXPECT_EQ(ends_, (Ends{{"damaged", second}, {"clean", end_}}));
}

TEST_F(LogSurveyTest, WhatTheNextSegmentSaysWasDurableThoughItIsFlushed) {
  options_.secret = kSecret;
  options_.flushed = 3;
  begin(1, 1);
  batch(1, 0);
  const uint64_t second = batch(2, 1);
  damage(second + 41);
  write();
  begin(2, 3);
  batch(3, 2);
  write();
  EXPECT_EQ(survey().corruption.size(), 0u);
  EXPECT_EQ(findings_,
            Texts{"log/000001.log: offset " + std::to_string(second) +
                  ": durable log records of the sequences 2 to 2 are damaged or missing"});
  EXPECT_EQ(ends_, (Ends{{"damaged", second}, {"clean", end_}}));
}

TEST_F(LogSurveyTest, AFlushedRecordWithoutItsHeaderMayHaveBeenTornOrDamaged) {
  options_.secret = kSecret;
  options_.flushed = 3;
  begin(1, 1);
  batch(1, 0);
  const uint64_t second = batch(2, 1);
  damage(second + 9);
  write();
  begin(2, 3);
  batch(3, 2);
  write();
  EXPECT_EQ(survey().corruption.size(), 0u);
  EXPECT_EQ(findings_, Texts{"note: log/000001.log: offset " + std::to_string(second) +
                             ": a torn tail, or damage to what is flushed and not read again"});
}

TEST_F(LogSurveyTest, WhatACleanStopLeftWasDurableThoughItIsFlushed) {
  options_.secret = kSecret;
  options_.flushed = 2;
  options_.known_durable = 2;
  begin(1, 1);
  batch(1, 0);
  const uint64_t second = batch(2, 1);
  damage(second + 41);
  write();
  // Recovery does not miss it.
  EXPECT_EQ(survey().corruption.size(), 0u);
  EXPECT_EQ(findings_,
            Texts{"log/000001.log: offset " + std::to_string(second) +
                  ": durable log records of the sequences 2 to 2 are damaged or missing"});
  EXPECT_EQ(ends_, (Ends{{"damaged", second}}));
  // A crash tore it, and it was written anew.
  begin(2, 2);
  batch(2, 1);
  write();
  EXPECT_EQ(survey().corruption.size(), 0u);
  EXPECT_EQ(findings_, Texts{"note: log/000001.log: offset " + std::to_string(second) +
                             ": a torn tail, which nobody was promised"});
  // The segments that were written since may be gone.
  options_.paths.pop_back();
  options_.known_durable = options_.flushed.emplace(7);
  survey();
  EXPECT_EQ(findings_[0].find("note: "), 0u) << findings_[0];
  EXPECT_EQ(ends_, (Ends{{"torn", second}}));
}

// Found by a reader of the code: recovery had cut 105 to 110, which a crash had left behind a torn
// 101 to 104; they were written anew, and flushed as far as 107 while their first segment was still
// there.
TEST_F(LogSurveyTest, WhatRecoveryPassesOverIsNoDamage) {
  options_.secret = kSecret;
  options_.flushed = 107;
  begin(1, 100);
  batch(100, 99);
  uint64_t torn = 0;
  for (Sequence i = 101; i <= 104; ++i) {
    torn = batch(i, 100);
    damage(torn + 41);
  }
  batch(105, 100, 6);
  write();
  begin(2, 101);
  for (Sequence i = 101; i <= 110; ++i) batch(i, i - 1);
  write();
  EXPECT_EQ(survey().corruption.size(), 0u);
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(findings_[0].find("note: log/000001.log: "), 0u) << findings_[0];
  EXPECT_EQ(ends_[0].first, "torn");
  EXPECT_EQ(ends_[1], (std::pair<std::string, uint64_t>{"clean", end_}));
}

TEST_F(LogSurveyTest, ASegmentOfAnotherDirectoryIsTold) {
  begin(1, 1);
  batch(1, 0);
  write();
  options_.secret = kSecret + 1;
  options_.flushed = 0;
  EXPECT_EQ(survey().records, 0u);
  EXPECT_EQ(findings_, Texts{"log/000001.log: offset 0: a segment of another directory: the "
                             "metadata's secret does not read it"});
  EXPECT_EQ(ends_, (Ends{{"damaged", 0}}));
}

/// Of what the first group wrote, a crash may leave any part.
TEST_F(LogSurveyTest, ASegmentOfWhichNoRecordIsWholeIsTorn) {
  begin(1, 1);
  batch(1, 0);
  write();
  begin(2, 2);
  batch(2, 1);
  damage(50);
  damage(end_ - 9);
  write();
  for (const bool knows : {true, false}) {
    options_.secret = knows ? std::optional(kSecret) : std::nullopt;
    survey();
    ASSERT_EQ(findings_.size(), 1u);
    EXPECT_EQ(notes_, knows ? 1u : 0u);
  }
  // What was durable is missed all the same.
  options_.secret = kSecret;
  options_.flushed = 0;
  options_.known_durable = 2;
  survey();
  EXPECT_EQ(notes_, 1u);
  ASSERT_EQ(findings_.size(), 2u);
  EXPECT_NE(findings_[1].find("sequences 2 to 2"), std::string::npos) << findings_[1];
}

TEST_F(LogSurveyTest, ASegmentThatWasRenamedAndNotBegunIsEmpty) {
  begin(1, 1);
  batch(1, 0);
  number_ = 2;
  write();
  for (const bool knows : {true, false}) {
    if (knows) options_.secret = kSecret;
    EXPECT_EQ(survey().records, 0u);
    EXPECT_EQ(findings_, Texts());
    options_.secret.reset();
  }
}

TEST_F(LogSurveyTest, WhatANewerVersionWroteIsNotCorrupt) {
  version_ = kLogVersion + 1;
  begin(1, 1);
  write();
  const auto found = survey_log(
      files_, options_, [](const SurveyedSegment&) {}, [](const Finding&) {});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::format);
}

/// The last record's alone may be what a crash has left: nothing came behind it.
TEST_F(LogSurveyTest, PaddingIsVerified) {
  begin(1, 1);
  batch(1, 0);
  damage(end_ - 1);
  for (const bool is_last : {true, false}) {
    if (!is_last) batch(2, 1);
    write();
    survey();
    ASSERT_EQ(findings_.size(), 1u);
    EXPECT_NE(findings_[0].find("padding"), std::string::npos);
    EXPECT_EQ(notes_, is_last ? 1u : 0u);
  }
}

// Of a group that was cut in its midst: what follows is whole, and was promised to nobody either.
TEST_F(LogSurveyTest, PaddingBeforeWhatIsTornMayBeTornToo) {
  begin(1, 1);
  batch(1, 0);
  damage(end_ - 1);
  batch(2, 0);
  damage(end_ - 10);
  batch(3, 0);
  write();
  survey();
  EXPECT_FALSE(findings_.empty());
  EXPECT_EQ(notes_, findings_.size());
}

// What follows at once is of the same group, or of a later one that was not synced either.
TEST_F(LogSurveyTest, PaddingOfWhatNobodyKnowsToBeSyncedMayBeTorn) {
  begin(1, 1);
  batch(1, 0);
  damage(end_ - 1);
  batch(2, 0);
  batch(3, 0);
  write();
  survey();
  ASSERT_EQ(findings_.size(), 1u);
  EXPECT_EQ(notes_, 1u);
  options_.secret = kSecret;
  options_.flushed = 0;
  options_.known_durable = 3;
  survey();
  EXPECT_EQ(notes_, 0u) << "a clean stop knows";
  ASSERT_EQ(findings_.size(), 1u);
}

TEST_F(LogSurveyTest, FilesOfAnyBytesAreRead) {
  begin(1, 1);
  for (Sequence i = 1; i < 8; ++i) batch(i, i - 1);
  const std::string whole = bytes_;
  for (size_t offset = 0; offset < end_; ++offset) {
    bytes_ = whole;
    damage(offset);
    write();
    survey();
    // The last record alone is one that may be torn.
    ASSERT_TRUE(!findings_.empty() || ends_[0].first == "torn") << offset;
  }
}

TEST_F(LogSurveyTest, AFileThatIsNotThereIsToldBeforeItsName) {
  for (const ErrorKind kind : {ErrorKind::not_found, ErrorKind::invalid}) {
    options_.paths = {"log/notes.txt"};
    const auto found = survey_log(
        files_, options_, [](const SurveyedSegment&) {}, [](const Finding&) {});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, kind);
    ASSERT_TRUE(files_.open("log/notes.txt", OpenMode::write));
  }
}

}  // namespace
}  // namespace kv
