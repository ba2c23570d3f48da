#include "libkv/storage/log_writer.h"

#include <algorithm>

#include "libkv/base/planted.h"

namespace kv {

LogWriter::LogWriter(std::shared_ptr<LogSegmentPool> pool, uint64_t secret, uint64_t next_number,
                     std::function<Status()> before_first_write)
    : pool_(std::move(pool)),
      secret_(secret),
      next_number_(next_number),
      before_first_write_(std::move(before_first_write)) {}

LogGroupResult LogWriter::write(LogGroup& group) {
  LogGroupResult result;
  if (failure_) failure_ = write_records(group, &result);
  // The planted bug leaves this sync to the next group, yet calls this one durable.
  if (failure_ && group.sync && !KV_PLANTED(ack_before_durable)) failure_ = sync(&result);
  result.status = failure_;
  return result;
}

Status LogWriter::write_records(LogGroup& group, LogGroupResult* result) {
  if (group.records.empty()) return {};
  if (before_first_write_) {
    KV_TRY(before_first_write_());
    before_first_write_ = nullptr;
  }
  char* const end = group.records.data() + group.records.size();
  char* run = group.records.data();
  char* record = run;
  while (record < end) {
    const uint64_t bytes = unsealed_record_bytes(record);
    const uint64_t at = offset_ + static_cast<uint64_t>(record - run);
    if (file_ == nullptr || at + bytes > capacity_) {
      KV_TRY(put(BytesView(run, static_cast<size_t>(record - run)), result));
      KV_TRY(begin_segment(unsealed_record_first(record), bytes, result));
      run = record;
      continue;
    }
    seal_record(record, salt_, at, group.durable);
    record += bytes;
  }
  return put(BytesView(run, static_cast<size_t>(end - run)), result);
}

Status LogWriter::begin_segment(Sequence first, uint64_t record_bytes, LogGroupResult* result) {
  // The new segment's header vouches for everything before it.
  KV_TRY(sync(result));
  LogSegmentHeader header;
  header.number = next_number_++;
  header.salt = log_salt(secret_, header.number);
  const uint64_t header_bytes = log_record_bytes(encode_segment_header(header).size());
  capacity_ = std::max(pool_->segment_bytes(), header_bytes + record_bytes);
  header.segment_bytes = capacity_;
  const std::string path = pool_->directory() + "/" + log_file_name(header.number);
  KV_ASSIGN(auto segment, pool_->open_as(path, capacity_));
  file_ = std::move(segment.file);
  header.recycled = segment.recycled;
  salt_ = header.salt;
  offset_ = 0;
  std::string record;
  append_unsealed_record(record, LogRecordKind::segment_header, first, 0,
                         encode_segment_header(header));
  seal_record(record.data(), salt_, 0, first - 1);
  result->begun.push_back({header.number, first, capacity_});
  return put(record, result);
}

Status LogWriter::put(BytesView bytes, LogGroupResult* result) {
  if (bytes.empty()) return {};
  KV_TRY(file_->write_at(offset_, bytes));
  offset_ += bytes.size();
  result->written_bytes += bytes.size();
  unsynced_ = true;
  return {};
}

Status LogWriter::sync(LogGroupResult* result) {
  if (!unsynced_) return {};
  KV_TRY(file_->sync());
  unsynced_ = false;
  ++result->syncs;
  return {};
}

}  // namespace kv
