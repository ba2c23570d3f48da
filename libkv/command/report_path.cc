#include "libkv/command/report_path.h"

#include "libkv/codec/report_codec.h"

namespace kv {

const Report* find_at(const Report& report, ReportPath path) {
  const Report* at = &report;
  for (const std::string_view name : path) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

uint64_t number_at(const Report& report, ReportPath path, uint64_t otherwise) {
  const Report* at = find_at(report, path);
  return at == nullptr ? otherwise : at->as_unsigned().value_or(otherwise);
}

std::string text_at(const Report& report, ReportPath path, std::string_view otherwise) {
  const Report* at = find_at(report, path);
  return std::string(at == nullptr ? otherwise : at->as_text().value_or(otherwise));
}

bool flag_at(const Report& report, ReportPath path) {
  const Report* at = find_at(report, path);
  return at != nullptr && at->as_boolean().value_or(false);
}

std::string shown_at(const Report& report, ReportPath path) {
  const Report* at = find_at(report, path);
  if (at == nullptr || at->is_null()) return "-";
  if (const auto flag = at->as_boolean()) return *flag ? "yes" : "no";
  if (const auto number = at->as_unsigned()) return std::to_string(*number);
  const std::string text(at->as_text().value_or("-"));
  return text.empty() ? "-" : text;
}

std::string json_line(const Report& report) {
  std::string line;
  to_json(report, &line);
  return line + "\n";
}

}  // namespace kv
