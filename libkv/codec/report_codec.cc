#include "libkv/codec/report_codec.h"

#include "libkv/base/assert.h"
#include "libkv/base/limits.h"

namespace kv {

void encode_report(const Report& report, MsgpackWriter& writer) {
  switch (report.kind()) {
    case Report::Kind::null:
      return writer.nil();
    case Report::Kind::boolean:
      return writer.boolean(*report.as_boolean());
    case Report::Kind::negative:
      return writer.integer(*report.as_integer());
    case Report::Kind::unsigned_integer:
      return writer.unsigned_integer(*report.as_unsigned());
    case Report::Kind::real:
      return writer.real(*report.as_real());
    case Report::Kind::text:
      return writer.text(*report.as_text());
    case Report::Kind::array:
      writer.array(report.elements().size());
      for (const Report& element : report.elements()) encode_report(element, writer);
      return;
    case Report::Kind::object:
      writer.map(report.members().size());
      for (const auto& [name, value] : report.members()) {
        writer.text(name);
        encode_report(value, writer);
      }
      return;
  }
}

namespace {

// Reads a tree within a budget of values, as each takes far more memory than its bytes.
class ReportParser {
 public:
  explicit ReportParser(MsgpackReader& reader) : reader_(reader) {}

  Report value(size_t depth) {
    if (depth > limits::nesting_max || budget_ == 0) {
      reader_.refuse();
      return {};
    }
    --budget_;
    switch (reader_.next()) {
      case MsgpackReader::Kind::nil:
        reader_.try_nil();
        return {};
      case MsgpackReader::Kind::boolean:
        return reader_.boolean();
      case MsgpackReader::Kind::unsigned_integer:
        return reader_.unsigned_integer();
      case MsgpackReader::Kind::negative_integer:
        return reader_.integer();
      case MsgpackReader::Kind::real:
        return reader_.real();
      case MsgpackReader::Kind::text:
        return reader_.text();
      case MsgpackReader::Kind::array:
        return array(depth);
      case MsgpackReader::Kind::map:
        return object(depth);
      default:
        reader_.refuse();
        return {};
    }
  }

 private:
  Report array(size_t depth) {
    Report report = Report::array();
    const size_t count = reader_.array();
    for (size_t i = 0; i < count && reader_.ok(); ++i) report.append(value(depth + 1));
    return report;
  }

  Report object(size_t depth) {
    Report report = Report::object();
    // set() is linear in the members, so their number is limited: no reply has nearly as many.
    constexpr size_t kMembersMax = 4096;
    const size_t count = reader_.map(kMembersMax);
    for (size_t i = 0; i < count && reader_.ok(); ++i) {
      const BytesView name = reader_.text();
      report.set(name, value(depth + 1));
      if (report.members().size() != i + 1) reader_.refuse();  // A name came twice.
    }
    return report;
  }

  MsgpackReader& reader_;
  size_t budget_ = limits::report_values_max;
};

}  // namespace

Report decode_report(MsgpackReader& reader) {
  Report report = ReportParser(reader).value(0);
  if (!reader.ok()) return {};
  return report;
}

}  // namespace kv
