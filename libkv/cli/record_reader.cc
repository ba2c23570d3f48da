#include "libkv/cli/record_reader.h"

#include "libkv/base/assert.h"
#include "libkv/cli/field_scanner.h"
#include "libkv/cli/json_record.h"
#include "libkv/cli/json_text.h"
#include "libkv/cli/tsv_text.h"
#include "libkv/cli/units.h"

namespace kv {
namespace {

constexpr const char* kEmptyKey = "the key is empty";

std::string over_limit(const char* what, size_t bytes_max) {
  return std::string(what) + " is over the limit of " + format_size(bytes_max);
}

/// What all formats share: the scanner, the place, the limits of a finished record.
class ScanningReader : public RecordReader {
 public:
  ScanningReader(ByteSource& source, const ReaderOptions& options)
      : options_(options), scanner_(source) {}
  uint64_t place() const override { return place_; }
  std::string place_text(uint64_t place) const override {
    return (options_.format == RecordFormat::nul ? "record " : "line ") + std::to_string(place);
  }

 protected:
  const RecordLimits& limits() const { return options_.limits; }

  BadRecord bad(std::string reason, BytesView raw, bool raw_is_cut = false) const {
    return BadRecord{.place = place_,
                     .reason = std::move(reason),
                     .raw = std::string(raw),
                     .raw_is_cut = raw_is_cut};
  }

  ReadRecord checked(const KeyValue& record, BytesView raw) const {
    if (record.key.empty()) return bad(kEmptyKey, raw);
    if (record.key.size() > limits().key_bytes_max) {
      return bad(over_limit("the key", limits().key_bytes_max), raw);
    }
    if (record.value.size() > limits().value_bytes_max) {
      return bad(over_limit("the value", limits().value_bytes_max), raw);
    }
    if (record.context && record.context->size() > limits().context_bytes_max) {
      return bad(over_limit("the context", limits().context_bytes_max), raw);
    }
    return record;
  }

  ReaderOptions options_;
  FieldScanner scanner_;
  uint64_t place_ = 0;
};

class NulReader final : public ScanningReader {
 public:
  using ScanningReader::ScanningReader;

  Result<std::optional<ReadRecord>> next() override {
    KV_ASSIGN(auto key, scanner_.next('\0', limits().key_bytes_max));
    if (!key) return std::nullopt;
    ++place_;
    const bool key_too_long = key->too_long;
    key_.assign(key->bytes);
    if (options_.keys_only) return key_alone(*key);
    if (!key->delimited) return bad("the input ends within a key", key_, key_too_long);
    KV_ASSIGN(auto value, scanner_.next('\0', limits().value_bytes_max));
    return pair(key_too_long, value);
  }

 private:
  ReadRecord key_alone(const Field& key) const {
    if (key.too_long) return bad(over_limit("the key", limits().key_bytes_max), key_, true);
    if (!key.delimited) return bad("the input ends within a key", key_);
    return checked(KeyValue{.key = key_, .value = {}}, key_);
  }

  ReadRecord pair(bool key_too_long, const std::optional<Field>& value) const {
    std::string raw = key_;
    raw += '\0';
    if (!value) return bad("the input ends after a key", raw, key_too_long);
    const bool cut = key_too_long || value->too_long;
    if (cut || key_.empty() || !value->delimited) raw.append(value->bytes);
    if (key_too_long) return bad(over_limit("the key", limits().key_bytes_max), raw, cut);
    if (value->too_long) return bad(over_limit("the value", limits().value_bytes_max), raw, cut);
    // A value that no NUL ends may have lost its tail with a broken pipe: never store it.
    if (!value->delimited) return bad("the input ends within a value", raw);
    return checked(KeyValue{.key = key_, .value = value->bytes}, raw);
  }

  std::string key_;
};

/// A format of one record a line.
class LineReader : public ScanningReader {
 public:
  LineReader(ByteSource& source, const ReaderOptions& options, size_t line_bytes_max)
      : ScanningReader(source, options), line_bytes_max_(line_bytes_max) {}

  Result<std::optional<ReadRecord>> next() override {
    for (;;) {
      KV_ASSIGN(auto line, scanner_.next('\n', line_bytes_max_));
      if (!line) return std::nullopt;
      ++place_;
      if (line->too_long) return bad(over_limit("the line", line_bytes_max_), line->bytes, true);
      if (!is_blank(line->bytes)) return parse(line->bytes);
    }
  }

 protected:
  /// Whether the line is to be passed over.
  virtual bool is_blank(BytesView) const { return false; }
  virtual ReadRecord parse(BytesView line) = 0;

 private:
  size_t line_bytes_max_;
};

class KeyLineReader final : public LineReader {
 public:
  KeyLineReader(ByteSource& source, const ReaderOptions& options)
      : LineReader(source, options, options.limits.key_bytes_max) {}

 protected:
  ReadRecord parse(BytesView line) override {
    return checked(KeyValue{.key = line, .value = {}}, line);
  }
};

class TsvReader final : public LineReader {
 public:
  // Every byte may be escaped by a second one.
  TsvReader(ByteSource& source, const ReaderOptions& options)
      : LineReader(source, options,
                   2 * (options.limits.key_bytes_max + options.limits.value_bytes_max) + 1) {}

 protected:
  ReadRecord parse(BytesView line) override {
    const size_t tab = line.find('\t');
    if (options_.keys_only != (tab == BytesView::npos)) {
      return bad(options_.keys_only ? "a tab where only a key was expected"
                                    : "no tab between key and value",
                 line);
    }
    key_.clear();
    value_.clear();
    auto read = unescape_tsv(line.substr(0, tab), key_);
    if (read && tab != BytesView::npos) read = unescape_tsv(line.substr(tab + 1), value_);
    if (!read) return bad(read.error().what, line);
    return checked(KeyValue{.key = key_, .value = value_}, line);
  }

 private:
  std::string key_;
  std::string value_;
};

class JsonLinesReader final : public LineReader {
 public:
  // A byte may be written as \u00xx, six characters; room for other members beside.
  JsonLinesReader(ByteSource& source, const ReaderOptions& options)
      : LineReader(source, options,
                   6 * (options.limits.key_bytes_max + options.limits.value_bytes_max +
                        options.limits.context_bytes_max) +
                       (64 << 10)) {}

 protected:
  bool is_blank(BytesView line) const override {
    return line.find_first_not_of(" \t\r") == BytesView::npos;
  }

  ReadRecord parse(BytesView line) override {
    auto parsed = parse_json_record(line, !options_.keys_only);
    if (!parsed) return bad(parsed.error().what, line);
    parsed_ = std::move(*parsed);
    KeyValue record{.key = parsed_.key, .value = parsed_.value};
    if (parsed_.context) record.context = *parsed_.context;
    return checked(record, line);
  }

 private:
  JsonRecord parsed_;
};

std::string start_of_reject(uint64_t place, const std::string& reason) {
  std::string line = "{\"record\":" + std::to_string(place) + ",\"reason\":";
  append_json_string(line, reason);
  return line + ',';
}

}  // namespace

std::unique_ptr<RecordReader> make_record_reader(ByteSource& source, const ReaderOptions& options) {
  KV_ASSERT(options.format != RecordFormat::lines || options.keys_only);
  switch (options.format) {
    case RecordFormat::nul:
      return std::make_unique<NulReader>(source, options);
    case RecordFormat::tsv:
      return std::make_unique<TsvReader>(source, options);
    case RecordFormat::json_lines:
      return std::make_unique<JsonLinesReader>(source, options);
    case RecordFormat::lines:
      return std::make_unique<KeyLineReader>(source, options);
  }
  KV_ASSERT(false && "a RecordFormat outside its enumeration");
}

std::string rejects_line(const BadRecord& bad) {
  std::string line = start_of_reject(bad.place, bad.reason);
  append_json_bytes(line, "raw", bad.raw);
  if (bad.raw_is_cut) line += ",\"cut\":true";
  return line + "}\n";
}

std::string rejects_line(const RefusedRecord& refused) {
  std::string line = start_of_reject(refused.place, refused.reason);
  append_json_bytes(line, "key", refused.record.key);
  if (!refused.keys_only) {
    line += ',';
    append_json_bytes(line, "value", refused.record.value);
  }
  if (refused.record.context) {
    line += ",\"context\":";
    append_json_string(line, *refused.record.context);
  }
  return line + "}\n";
}

}  // namespace kv
