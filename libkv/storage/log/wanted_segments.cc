#include "libkv/storage/log/wanted_segments.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/log/log_segment.h"

namespace kv {

Result<Sequence> first_sequence_of(FileSystem& files, const LogSegmentFile& segment,
                                   uint64_t secret) {
  KV_ASSIGN(auto file, files.open(segment.path, OpenMode::read));
  std::string head(static_cast<size_t>(log_record_bytes(encode_segment_header({}).size())), '\0');
  auto read = file->read_at(0, head);
  if (!read) read = file->read_at(0, head);
  if (!read) return Sequence{0};
  head.resize(*read);
  const ParsedRecord parsed = parse_record(head, 0, log_salt(secret, segment.number));
  const bool is_header =
      parsed.check == RecordCheck::valid && parsed.record.kind == LogRecordKind::segment_header;
  return is_header ? parsed.record.first : Sequence{0};
}

Result<Sequence> synced_before_next(FileSystem& files, const std::vector<LogSegmentFile>& segments,
                                    size_t index, uint64_t secret) {
  const size_t next = index + 1;
  if (next == segments.size() || segments[next].number != segments[index].number + 1)
    return Sequence{0};
  KV_ASSIGN(const Sequence first, first_sequence_of(files, segments[next], secret));
  return first == 0 ? 0 : first - 1;
}

Result<size_t> first_wanted_segment(FileSystem& files, const std::vector<LogSegmentFile>& segments,
                                    uint64_t secret, Sequence flushed) {
  for (size_t i = segments.size(); i > 0; --i) {
    KV_ASSIGN(const Sequence first, first_sequence_of(files, segments[i - 1], secret));
    if (first == 0 || first > flushed + 1) continue;
    return KV_PLANTED(pass_over_a_segment) ? std::min(i, segments.size() - 1) : i - 1;
  }
  return size_t{0};
}

}  // namespace kv
