// Reading a coordinator's report (model/report.h) by path. What is missing, or of another kind,
// reads as the fallback: reports grow, and one from an older member lacks what came later. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "libkv/model/report.h"

namespace kv {

using ReportPath = std::initializer_list<std::string_view>;

/// `find_at(status, {"node", "hints"})`; null if any step is missing.
const Report* find_at(const Report& report, ReportPath path);
uint64_t number_at(const Report& report, ReportPath path, uint64_t otherwise = 0);
std::string text_at(const Report& report, ReportPath path, std::string_view otherwise = "");
bool flag_at(const Report& report, ReportPath path);
/// The value as a table shows it: a number, a text, `yes` or `no`, `-` for what is missing.
std::string shown_at(const Report& report, ReportPath path);

/// The report as one line of JSON, with its newline.
std::string json_line(const Report& report);

}  // namespace kv
