#include "libkv/inspect/log_lines.h"

#include <vector>

#include "libkv/cli/escaped_text.h"
#include "libkv/cli/json_line.h"
#include "libkv/storage/range_drops.h"

namespace kv {

namespace {

std::string tabbed(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += (line.empty() ? "" : "\t") + field;
  return line + "\n";
}

/// Of the records that count: how many, their operations, first and last sequence.
struct Extent {
  uint64_t records = 0, operations = 0;
  Sequence first = 0, last = 0;
};

Extent extent_of(const SurveyedSegment& segment) {
  Extent extent;
  for (const LogRecord& record : segment.scan.records) {
    if (record.offset >= segment.end_offset) break;
    ++extent.records;
    extent.operations += record.count;
    if (record.count == 0) continue;
    if (extent.first == 0) extent.first = record.first;
    extent.last = record.last();
  }
  return extent;
}

std::string text_of(const SurveyedSegment& segment) {
  const Extent extent = extent_of(segment);
  return tabbed({escaped(segment.path), std::to_string(segment.file_bytes),
                 std::to_string(extent.records), std::to_string(extent.operations),
                 std::to_string(extent.first), std::to_string(extent.last),
                 std::to_string(segment.end_offset), to_string(segment.end)});
}

std::string json_of(const SurveyedSegment& segment) {
  const Extent extent = extent_of(segment);
  JsonLine line;
  line.bytes("file", segment.path).number("bytes", segment.file_bytes);
  line.number("records", extent.records).number("operations", extent.operations);
  line.number("first", extent.first).number("last", extent.last);
  line.number("end_offset", segment.end_offset).text("end", to_string(segment.end));
  if (segment.header) {
    line.number("version", segment.header->version);
    line.text("salt", std::to_string(segment.header->salt));
    line.flag("recycled", segment.header->recycled);
  }
  return line.line();
}

const char* kind_of(const LogRecord& record) {
  switch (record.kind) {
    case LogRecordKind::segment_header:
      return "header";
    case LogRecordKind::batch:
      return "batch";
    case LogRecordKind::range_drop:
      return "drop";
    case LogRecordKind::ingest:
      return "ingest";
  }
  return "?";
}

std::string ingest_line(const SurveyedSegment& segment, const LogRecord& record, bool json) {
  if (!json)
    return tabbed({escaped(segment.path), std::to_string(record.offset),
                   std::to_string(record.first), "ingest", "", "0"});
  return JsonLine()
      .bytes("file", segment.path)
      .number("offset", record.offset)
      .number("sequence", record.first)
      .text("operation", "ingest")
      .line();
}

/// Where the range begins is the key, and where it ends the value.
std::string drop_line(const SurveyedSegment& segment, const LogRecord& record, bool json) {
  const auto range = decode_key_range(record.payload);
  if (!range) return {};  // Told as damaged.
  if (!json)
    return tabbed({escaped(segment.path), std::to_string(record.offset),
                   std::to_string(record.first), "drop", escaped(range->from),
                   std::to_string(range->to.size()), escaped(range->to)});
  return JsonLine()
      .bytes("file", segment.path)
      .number("offset", record.offset)
      .number("sequence", record.first)
      .text("operation", "drop")
      .bytes("key", range->from)
      .bytes("to", range->to)
      .line();
}

std::string operation_line(const SurveyedSegment& segment, const LogRecord& record,
                           Sequence sequence, const WriteBatch::Operation& operation,
                           const LogLineForm& form) {
  const char* what = operation.is_put ? "put" : "remove";
  if (!form.json) {
    std::vector<std::string> fields = {
        escaped(segment.path),    std::to_string(record.offset),
        std::to_string(sequence), what,
        escaped(operation.key),   std::to_string(operation.value.size())};
    if (form.values) fields.push_back(escaped(operation.value));
    return tabbed(fields);
  }
  JsonLine line;
  line.bytes("file", segment.path).number("offset", record.offset);
  line.number("sequence", sequence).text("operation", what);
  line.bytes("key", operation.key).number("value_bytes", operation.value.size());
  if (form.values) line.bytes("value", operation.value);
  return line.line();
}

}  // namespace

std::string line_of(const SurveyedSegment& segment, const LogLineForm& form) {
  return form.json ? json_of(segment) : text_of(segment);
}

std::string line_of(const SurveyedSegment& segment, const LogRecord& record,
                    const LogLineForm& form) {
  if (!form.json)
    return tabbed({escaped(segment.path), std::to_string(record.offset), kind_of(record),
                   std::to_string(record.first), std::to_string(record.count),
                   std::to_string(record.durable), std::to_string(record.payload.size())});
  return JsonLine()
      .bytes("file", segment.path)
      .number("offset", record.offset)
      .text("kind", kind_of(record))
      .number("first", record.first)
      .number("operations", record.count)
      .number("durable", record.durable)
      .number("bytes", record.payload.size())
      .line();
}

std::string lines_of_operations(const SurveyedSegment& segment, const LogRecord& record,
                                const LogLineForm& form) {
  if (record.kind == LogRecordKind::range_drop) return drop_line(segment, record, form.json);
  if (record.kind == LogRecordKind::ingest) return ingest_line(segment, record, form.json);
  std::string lines;
  if (record.kind != LogRecordKind::batch) return lines;
  Sequence sequence = record.first;
  WriteBatch::for_each(record.payload, [&](const WriteBatch::Operation& operation) {
    lines += operation_line(segment, record, sequence++, operation, form);
  });
  return lines;
}

std::string verdict_line(const std::string& path, const LogSurvey& log, uint64_t findings,
                         bool json) {
  if (json)
    return JsonLine()
        .bytes("log", path)
        .number("findings", findings)
        .number("segments", log.segments)
        .number("records", log.records)
        .number("last_sequence", log.last_sequence)
        .line();
  return escaped(path) + ": " + (findings == 0 ? "sound" : "findings " + std::to_string(findings)) +
         "; segments " + std::to_string(log.segments) + ", records " + std::to_string(log.records) +
         ", last sequence " + std::to_string(log.last_sequence) + "\n";
}

}  // namespace kv
