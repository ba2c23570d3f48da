#include "libkv/model/report.h"

#include "libkv/base/assert.h"

namespace kv {

Report Report::array() {
  Report report;
  report.value_ = std::vector<Report>();
  return report;
}

Report Report::object() {
  Report report;
  report.value_ = std::vector<Member>();
  return report;
}

Report& Report::operator[](std::string_view name) {
  if (is_null()) *this = object();
  KV_ASSERT(kind() == Kind::object);
  auto& members = std::get<std::vector<Member>>(value_);
  for (Member& member : members) {
    if (member.name == name) return member.value;
  }
  members.push_back({std::string(name), Report()});
  return members.back().value;
}

Report& Report::set(std::string_view name, Report value) {
  (*this)[name] = std::move(value);
  return *this;
}

Report& Report::append(Report value) {
  if (is_null()) *this = array();
  KV_ASSERT(kind() == Kind::array);
  std::get<std::vector<Report>>(value_).push_back(std::move(value));
  return *this;
}

const Report* Report::find(std::string_view name) const {
  for (const Member& member : members()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

const std::vector<Report>& Report::elements() const {
  static const std::vector<Report> none;
  const auto* held = std::get_if<std::vector<Report>>(&value_);
  return held == nullptr ? none : *held;
}

const std::vector<Report::Member>& Report::members() const {
  static const std::vector<Member> none;
  const auto* held = std::get_if<std::vector<Member>>(&value_);
  return held == nullptr ? none : *held;
}

std::optional<bool> Report::as_boolean() const {
  if (const bool* held = std::get_if<bool>(&value_)) return *held;
  return std::nullopt;
}

std::optional<uint64_t> Report::as_unsigned() const {
  if (const uint64_t* held = std::get_if<uint64_t>(&value_)) return *held;
  return std::nullopt;
}

std::optional<int64_t> Report::as_integer() const {
  if (const int64_t* held = std::get_if<int64_t>(&value_)) return *held;
  const uint64_t* held = std::get_if<uint64_t>(&value_);
  if (held != nullptr && *held <= INT64_MAX) return static_cast<int64_t>(*held);
  return std::nullopt;
}

std::optional<double> Report::as_real() const {
  if (const double* held = std::get_if<double>(&value_)) return *held;
  if (const int64_t* held = std::get_if<int64_t>(&value_)) return static_cast<double>(*held);
  if (const uint64_t* held = std::get_if<uint64_t>(&value_)) return static_cast<double>(*held);
  return std::nullopt;
}

std::optional<std::string_view> Report::as_text() const {
  if (const std::string* held = std::get_if<std::string>(&value_)) return *held;
  return std::nullopt;
}

bool operator==(const Report& a, const Report& b) {
  return a.value_ == b.value_;
}

}  // namespace kv
