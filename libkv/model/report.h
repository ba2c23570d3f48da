// A report: the ordered tree of values in which every administrative reply travels (status, ring,
// explain, …) and from which its JSON is written. A plain value; a copy copies the tree.
//
//   Report reply = Report::object();
//   reply.set("epoch", map.epoch).set("members", Report::array());
//   reply["members"].append(Report::object().set("member", "s1").set("up", true));
//
// As msgpack: nil, boolean, integer, 64-bit float, str, array, map with str keys in order. A number
// that is not negative is unsigned, whatever type it came from, so a tree equals what is decoded
// from its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

class Report {
 public:
  enum class Kind { null, boolean, negative, unsigned_integer, real, text, array, object };
  struct Member;

  Report() = default;  ///< null
  Report(bool value);
  Report(double value);
  Report(const char* text);
  Report(std::string_view text);
  Report(std::string text);
  template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
  Report(Integer value);
  /// null if there is none.
  template <typename T>
  Report(std::optional<T> value);

  static Report array();
  static Report object();

  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_null() const { return kind() == Kind::null; }

  /// Adds a member at the end, or replaces that of the same name; null becomes an object first.
  /// Linear in the members. REQUIRES: object or null.
  Report& set(std::string_view name, Report value);
  /// Adds an element at the end; null becomes an array first. REQUIRES: array or null.
  Report& append(Report value);
  /// The member of that name, added (null) if it is missing. REQUIRES: object or null.
  Report& operator[](std::string_view name);

  /// Null if this is no object or has none of that name. Until the tree changes.
  const Report* find(std::string_view name) const;
  /// Elements or members; empty for every other kind. Until the tree changes.
  const std::vector<Report>& elements() const;
  const std::vector<Member>& members() const;

  // The value, or nothing if it is of another kind (or does not fit).
  std::optional<bool> as_boolean() const;
  std::optional<uint64_t> as_unsigned() const;
  std::optional<int64_t> as_integer() const;
  std::optional<double> as_real() const;  ///< Integers too.
  std::optional<std::string_view> as_text() const;

  friend bool operator==(const Report& a, const Report& b);

 private:
  // In the order of Kind.
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, std::vector<Report>,
               std::vector<Member>>
      value_;
};

struct Report::Member {
  std::string name;
  Report value;
  friend bool operator==(const Member&, const Member&) = default;
};

// Here, because clang 14 wants Member complete wherever the variant is made.
inline Report::Report(bool value) : value_(value) {}
inline Report::Report(double value) : value_(value) {}
inline Report::Report(const char* text) : value_(std::string(text)) {}
inline Report::Report(std::string_view text) : value_(std::string(text)) {}
inline Report::Report(std::string text) : value_(std::move(text)) {}
template <typename Integer, typename>
Report::Report(Integer value) {
  if (value < Integer{0}) {
    value_ = static_cast<int64_t>(value);
  } else {
    value_ = static_cast<uint64_t>(value);
  }
}
template <typename T>
Report::Report(std::optional<T> value) {
  if (value) *this = Report(*std::move(value));
}

}  // namespace kv
