// The survey of a whole log, and recovery, over arbitrary segments. Each input is read as the bytes
// of two segments, and as the records of a log, which are sealed as a writer seals them before some
// of their bytes are damaged:
//
//   input  := record*
//   record := u8 what: bits 0-2 kind (0: the next segment begins), 3-4 sequences that are missing
//                before it, 5 whether all before it is durable, 6 whether it is damaged
//           | u8 operations | u8 length | payload
//
// What recovery reports as damaged the survey must tell, and say that recovery will report it, and
// nothing else. Once nothing is flushed, and once as much as the input's length says; nothing is
// known of the end, or a clean stop tells of it.
#include <algorithm>

#include "libkv/base/assert.h"
#include "libkv/storage/file_names.h"
#include "libkv/storage/log/log_recovery.h"
#include "libkv/storage/log/log_survey.h"
#include "libkv/storage/range_drops.h"
#include "tests/fuzz/byte_files.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr uint64_t kSecret = 5;
constexpr const char* kDirectory = "log";

std::string path_of(uint64_t number) {
  return std::string(kDirectory) + "/" + kv::log_file_name(number);
}

struct Told {
  kv::Result<kv::LogSurvey> found = kv::LogSurvey{};
  size_t corrupt = 0;
};

bool is_same(const kv::CorruptRange& a, const kv::CorruptRange& b) {
  return a.file == b.file && a.offset == b.offset && a.what == b.what;
}

Told survey(kv::ByteFiles& files, std::optional<uint64_t> secret, kv::Sequence flushed,
            kv::Sequence known_durable) {
  kv::LogSurveyOptions options;
  for (const auto& [path, bytes] : files.files) options.paths.push_back(path);
  options.directory = kDirectory;
  options.secret = secret;
  options.flushed = flushed;
  options.known_durable = known_durable;
  Told told;
  told.found = kv::survey_log(
      files, options,
      [&files](const kv::SurveyedSegment& segment) {
        const size_t size = files.files.at(segment.path)->size();
        // The padding of the last record may be cut off.
        KV_ASSERT(segment.file_bytes == size && segment.end_offset < size + 8);
        for (const kv::LogRecord& record : segment.scan.records)
          KV_ASSERT(record.offset + kv::kLogRecordHeaderBytes + record.payload.size() <= size);
      },
      [&](const kv::Finding& finding) {
        const auto file = files.files.find(finding.file);
        KV_ASSERT(file == files.files.end() || !finding.offset ||
                  *finding.offset < file->second->size() + 8);
        told.corrupt += finding.severity == kv::Finding::Severity::corrupt;
      });
  return told;
}

void read(const std::vector<std::string>& segments, kv::Sequence flushed,
          kv::Sequence known_durable) {
  kv::ByteFiles files;
  for (size_t i = 0; i < segments.size(); ++i) files.put(path_of(i + 1), segments[i]);
  (void)survey(files, std::nullopt, flushed, known_durable);
  const Told told = survey(files, kSecret, flushed, known_durable);
  kv::Sequence applied = flushed;
  const auto recovered = kv::recover_log(files, {kDirectory, kSecret, flushed, known_durable},
                                         [&applied](const auto& segment) {
                                           for (const kv::LogRecord& record : segment->records) {
                                             KV_ASSERT(record.first > applied);
                                             applied = record.last();
                                           }
                                         });
  if (!recovered || !told.found) return;
  KV_ASSERT(std::equal(recovered->corruption.begin(), recovered->corruption.end(),
                       told.found->corruption.begin(), told.found->corruption.end(), is_same));
  KV_ASSERT(recovered->corruption.empty() || told.corrupt > 0);
  KV_ASSERT(recovered->last_sequence >= applied);
  // What recovery wrote again is what was there.
  KV_ASSERT(survey(files, kSecret, flushed, known_durable).corrupt == told.corrupt);
}

class LogMaker {
 public:
  explicit LogMaker(kv::BytesView input) {
    begin();
    while (input.size() >= 3 && segments_.size() < 8) {
      const auto what = static_cast<uint8_t>(input[0]);
      const auto operations = static_cast<uint8_t>(input[1]);
      const kv::BytesView payload = input.substr(3, static_cast<uint8_t>(input[2]));
      input.remove_prefix(3 + payload.size());
      add(what, operations, payload);
    }
  }
  std::vector<std::string> take() { return std::move(segments_); }

 private:
  void begin() {
    segments_.emplace_back();
    kv::LogSegmentHeader header;
    header.number = segments_.size();
    header.salt = kv::log_salt(kSecret, header.number);
    put(kv::LogRecordKind::segment_header, 0, kv::encode_segment_header(header), next_ - 1);
  }
  void put(kv::LogRecordKind kind, uint32_t count, kv::BytesView payload, kv::Sequence durable) {
    std::string& segment = segments_.back();
    const size_t at = segment.size();
    kv::append_unsealed_record(segment, kind, next_, count, payload);
    kv::seal_record(segment.data() + at, kv::log_salt(kSecret, segments_.size()), at, durable);
    next_ += count;
  }
  void add(uint8_t what, uint8_t operations, kv::BytesView payload) {
    next_ += what >> 3 & 3;
    if ((what & 7) == 0) return begin();
    if ((what & 32) != 0) durable_ = next_ - 1;
    const size_t at = segments_.back().size();
    put(static_cast<kv::LogRecordKind>(what & 7), operations, payload, durable_);
    if ((what & 64) != 0) segments_.back()[at + 20] ^= 1;
  }

  std::vector<std::string> segments_;
  kv::Sequence next_ = 1, durable_ = 0;
};

std::string record(uint8_t what, uint8_t operations, kv::BytesView payload) {
  std::string bytes{static_cast<char>(what), static_cast<char>(operations),
                    static_cast<char>(payload.size())};
  return bytes.append(payload);
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  kv::WriteBatch batch;
  batch.put("key", "value");
  batch.remove("other");
  const std::string two = record(2, 2, batch.encoded()), durable = record(34, 2, batch.encoded());
  const std::string damaged = record(66, 2, batch.encoded()), next = record(0, 0, {});
  const std::string drop = record(3, 1, kv::encode_key_range({"from", "to"}));
  const std::string ingest = record(4, 1, {});
  return {two + drop + ingest + durable,
          two + next + two + durable + next + drop,
          two + damaged + durable,
          two + damaged + two + next + two,
          two + record(2 + 8, 2, batch.encoded()) + durable,
          LogMaker(two + drop + two).take().front()};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  const std::vector<std::string> made = LogMaker(input).take();
  const kv::Sequence some = size % 8;
  for (const kv::Sequence flushed : {kv::Sequence{0}, some})
    for (const kv::Sequence known_durable : {kv::Sequence{0}, some + 2}) {
      read({input.substr(0, size / 2), input.substr(size / 2)}, flushed, known_durable);
      read({input}, flushed, known_durable);
      read(made, flushed, known_durable);
    }
  return 0;
}
