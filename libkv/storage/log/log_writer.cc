#include "libkv/storage/log/log_writer.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/file_names.h"

namespace kv {

LogWriter::LogWriter(std::shared_ptr<LogSegmentPool> pool, uint64_t secret, uint64_t next_number,
                     std::function<Status()> before_first_write)
    : pool_(std::move(pool)),
      secret_(secret),
      next_number_(next_number),
      before_first_write_(std::move(before_first_write)) {}

LogGroupResult LogWriter::write(LogGroup& group) {
  LogGroupResult result;
  // The planted bug leaves this sync to the next group, yet calls this one durable.
  const bool sync_now = group.sync && !KV_PLANTED(ack_before_durable);
  if (writing_) writing_ = write_records(group, sync_now, &result);
  if (result.waits_for_room) {
    result.status = std::exchange(writing_, Status{});
    return result;
  }
  if (writing_ && sync_now) writing_ = sync(&result);
  if (!writing_ && group.sync && KV_PLANTED(retry_failed_sync)) writing_ = sync(&result);
  result.status = writing_;
  return result;
}

Status LogWriter::write_records(LogGroup& group, bool sync_now, LogGroupResult* result) {
  LogRecords::Pieces& pieces = group.records;
  if (pieces.empty()) return {};
  if (before_first_write_) {
    const Status ready = before_first_write_();
    // Nothing has changed: the manifest has no room, or somebody reads it.
    result->waits_for_room = !ready && (ready.error().kind == ErrorKind::no_space ||
                                        ready.error().kind == ErrorKind::busy);
    if (!ready) return ready;
    before_first_write_ = nullptr;
  }
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool is_last = i + 1 == pieces.size();
    size_t written = 0;
    const Status status =
        write_piece(pieces[i], group.durable, sync_now && is_last, &written, result);
    if (result->waits_for_room) {
      const bool one_too_many = KV_PLANTED(drop_a_piece) && !is_last;
      pieces.erase(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(i + one_too_many));
      pieces.front().erase(0, written);
    }
    if (!status) return status;
  }
  return {};
}

/// Where it waits for room on the disk, `written` says how much of the piece the log has.
Status LogWriter::write_piece(std::string& piece, Sequence durable, bool sync_now, size_t* written,
                              LogGroupResult* result) {
  char* const end = piece.data() + piece.size();
  char* run = piece.data();
  char* record = run;
  while (record < end) {
    const uint64_t bytes = unsealed_record_bytes(record);
    const uint64_t at = offset_ + static_cast<uint64_t>(record - run);
    if (file_ == nullptr || at + bytes > capacity_) {
      // The new segment's header vouches for everything before it.
      const bool is_vouched_for = !KV_PLANTED(segment_before_sync);
      KV_TRY(put(BytesView(run, static_cast<size_t>(record - run)), is_vouched_for, result));
      if (is_vouched_for) KV_TRY(sync(result));
      auto opened = open_segment(bytes);
      if (!opened) {
        result->waits_for_room = opened.error().kind == ErrorKind::no_space;
        *written = static_cast<size_t>(record - piece.data());
        return fail(opened.error());
      }
      KV_TRY(begin_segment(std::move(*opened), unsealed_record_first(record), result));
      run = record;
      continue;
    }
    seal_record(record, salt_, at, durable);
    record += bytes;
  }
  return put(BytesView(run, static_cast<size_t>(end - run)), sync_now, result);
}

/// A file for the next segment, with room for a record of `record_bytes`. After no_space all is as
/// it was.
Result<LogSegmentPool::Segment> LogWriter::open_segment(uint64_t record_bytes) {
  const uint64_t header_bytes = log_record_bytes(encode_segment_header({}).size());
  const uint64_t capacity = std::max(pool_->segment_bytes(), header_bytes + record_bytes);
  KV_ASSIGN(auto segment,
            pool_->open_as(pool_->directory() + "/" + log_file_name(next_number_), capacity));
  capacity_ = capacity;
  return segment;
}

Status LogWriter::begin_segment(LogSegmentPool::Segment segment, Sequence first,
                                LogGroupResult* result) {
  LogSegmentHeader header;
  header.number = next_number_++;
  header.salt = log_salt(secret_, header.number);
  header.segment_bytes = capacity_;
  header.recycled = segment.recycled;
  file_ = std::move(segment.file);
  salt_ = header.salt;
  offset_ = 0;
  tail_.begin();
  std::string record;
  append_unsealed_record(record, LogRecordKind::segment_header, first, 0,
                         encode_segment_header(header));
  seal_record(record.data(), salt_, 0, first - 1);
  result->begun.push_back({header.number, first, capacity_});
  return put(record, false, result);
}

/// Writes `bytes`; and syncs them too, if that is wanted and can be done in one.
Status LogWriter::put(BytesView bytes, bool sync_wanted, LogGroupResult* result) {
  if (bytes.empty()) return {};
  if (sync_wanted && !unsynced_ && fits_pages(bytes)) {
    const LogTail::Pages pages = tail_.with(offset_, bytes);
    KV_TRY(file_->write_synced_at(pages.offset, pages.bytes));
    ++result->syncs;
  } else {
    KV_TRY(file_->write_at(offset_, bytes));
    unsynced_ = true;
  }
  tail_.note(bytes);
  offset_ += bytes.size();
  result->written_bytes += bytes.size();
  return {};
}

/// Whether they are few enough, and the page they end in is all of the file's.
bool LogWriter::fits_pages(BytesView bytes) const {
  return bytes.size() <= LogTail::kGroupBytesMax &&
         whole_file_pages(offset_ + bytes.size()) <= capacity_;
}

Status LogWriter::sync(LogGroupResult* result) {
  if (!unsynced_) return {};
  KV_TRY(file_->sync());
  unsynced_ = false;
  ++result->syncs;
  return {};
}

}  // namespace kv
