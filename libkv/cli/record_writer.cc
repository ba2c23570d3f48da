#include "libkv/cli/record_writer.h"

#include "libkv/cli/json_text.h"
#include "libkv/cli/tsv_text.h"

namespace kv {
namespace {

bool has(BytesView bytes, char c) {
  return bytes.find(c) != BytesView::npos;
}

Status append_nul(std::string& out, const KeyValue& record, bool keys_only) {
  if (has(record.key, '\0') || (!keys_only && has(record.value, '\0'))) {
    return fail(ErrorKind::invalid, "has a NUL, which -0 cannot show: use --jsonl");
  }
  out.append(record.key).push_back('\0');
  if (!keys_only) out.append(record.value).push_back('\0');
  return {};
}

Status append_line(std::string& out, const KeyValue& record) {
  if (has(record.key, '\n')) {
    return fail(ErrorKind::invalid, "has a newline, which lines cannot show: use -0 or --jsonl");
  }
  out.append(record.key).push_back('\n');
  return {};
}

void append_tsv_record(std::string& out, const KeyValue& record, bool keys_only) {
  append_tsv(out, record.key);
  if (!keys_only) {
    out += '\t';
    append_tsv(out, record.value);
  }
  out += '\n';
}

void append_json_record(std::string& out, const KeyValue& record, std::string_view more_members,
                        bool keys_only) {
  out += '{';
  append_json_bytes(out, "key", record.key);
  if (!keys_only) {
    out += ',';
    append_json_bytes(out, "value", record.value);
  }
  if (record.context) {
    out += ",\"context\":";
    append_json_string(out, *record.context);
  }
  if (!more_members.empty()) out.append(",").append(more_members);
  out += "}\n";
}

}  // namespace

Status RecordWriter::compose(const KeyValue& record, std::string_view more_members) {
  text_.clear();
  switch (format_) {
    case RecordFormat::nul:
      return append_nul(text_, record, keys_only_);
    case RecordFormat::lines:
      return append_line(text_, record);
    case RecordFormat::tsv:
      append_tsv_record(text_, record, keys_only_);
      return {};
    case RecordFormat::json_lines:
      append_json_record(text_, record, more_members, keys_only_);
      return {};
  }
  return {};
}

Status RecordWriter::write(const KeyValue& record, std::string_view more_members) {
  KV_TRY(compose(record, more_members));
  return sink_.write(text_);
}

}  // namespace kv
