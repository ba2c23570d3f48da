// The commit log's readers over arbitrary bytes. Every input is also sealed, so that the parser
// behind the checksums is reached and not only the checksums.
#include "libkv/base/assert.h"
#include "libkv/storage/entry.h"
#include "libkv/storage/log/log_chain.h"
#include "libkv/storage/log/log_scan.h"
#include "libkv/storage/range_drops.h"
#include "tests/fuzz/fuzz_target.h"

namespace {
constexpr uint64_t kSalt = 5;

std::string sample_segment() {
  std::string segment;
  kv::LogSegmentHeader header;
  header.number = 1;
  header.salt = kSalt;
  const auto put = [&segment](kv::LogRecordKind kind, kv::Sequence first, uint32_t count,
                              kv::BytesView payload) {
    const size_t at = segment.size();
    kv::append_unsealed_record(segment, kind, first, count, payload);
    kv::seal_record(segment.data() + at, kSalt, at, first - 1);
  };
  put(kv::LogRecordKind::segment_header, 1, 0, kv::encode_segment_header(header));
  kv::WriteBatch batch;
  batch.put("key", "value");
  batch.remove("other");
  put(kv::LogRecordKind::batch, 1, 2, batch.encoded());
  put(kv::LogRecordKind::batch, 3, 2, batch.encoded());
  put(kv::LogRecordKind::range_drop, 5, 1, kv::encode_key_range({"from", "to"}));
  put(kv::LogRecordKind::ingest, 6, 1, {});
  return segment;
}

void scan(kv::BytesView segment) {
  const kv::LogSegmentScan found = kv::scan_log_segment(segment, kSalt);
  uint64_t end = 0;
  for (const kv::LogRecord& record : found.records) {
    KV_ASSERT(record.offset >= end);
    end = record.offset + kv::kLogRecordHeaderBytes + record.payload.size();
    KV_ASSERT(end <= segment.size() && record.first >= 1 && record.first <= kv::kSequenceMax);
    (void)kv::decode_segment_header(record.payload);
  }
  // A next segment that says nothing, and one that says all had been durable.
  for (const kv::Sequence durable : {kv::Sequence{0}, kv::kSequenceMax}) {
    kv::LogChain chain("log", 0, [](const kv::LogRecord& record) {
      KV_ASSERT(record.kind != kv::LogRecordKind::range_drop ||
                kv::decode_key_range(record.payload));
    });
    (void)chain.add("log/000001.log", found, durable);
  }
}
}  // namespace

std::vector<std::string> fuzz_samples() {
  kv::WriteBatch batch;
  batch.put("key", std::string(200, 'v'));
  batch.remove("key");
  return {sample_segment(), std::string(batch.encoded()), kv::encode_key_range({"from", ""})};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  scan(input);
  size_t operation_bytes = 0;
  kv::WriteBatch::for_each(input, [&operation_bytes](const kv::WriteBatch::Operation& operation) {
    operation_bytes += operation.key.size() + operation.value.size();
  });
  KV_ASSERT(operation_bytes <= size);
  for (const auto kind : {kv::LogRecordKind::batch, kv::LogRecordKind::range_drop}) {
    std::string sealed;
    kv::append_unsealed_record(sealed, kind, 1, 1, input);
    kv::seal_record(sealed.data(), kSalt, 0, 0);
    scan(sealed);
  }
  return 0;
}
