#include "libkv/cli/units.h"

#include <charconv>
#include <limits>
#include <span>

namespace kv {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr Unit kDurationUnits[] = {
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
};

// Those that format_size() chooses from come first, from the largest.
constexpr Unit kSizeUnits[] = {
    {"TiB", uint64_t{1} << 40},
    {"GiB", uint64_t{1} << 30},
    {"MiB", uint64_t{1} << 20},
    {"KiB", uint64_t{1} << 10},
    {"", 1},
    {"B", 1},
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
};

struct Quantity {
  uint64_t number;
  std::string_view unit;
};

Result<Quantity> split(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range) return fail(ErrorKind::invalid, "is too large");
  if (error != std::errc()) return fail(ErrorKind::invalid, "is not a number");
  return Quantity{number, std::string_view(rest, static_cast<size_t>(end - rest))};
}

/// `accepted`: what is said of a text that is no such quantity.
Result<uint64_t> scale(std::string_view text, std::span<const Unit> units, uint64_t max,
                       const char* accepted) {
  const bool has_number = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (!has_number) return fail(ErrorKind::invalid, accepted);
  KV_ASSIGN(const Quantity quantity, split(text));
  for (const Unit& unit : units) {
    if (unit.name != quantity.unit) continue;
    if (quantity.number > max / unit.factor) return fail(ErrorKind::invalid, "is too large");
    return quantity.number * unit.factor;
  }
  return fail(ErrorKind::invalid, accepted);
}

std::string format(uint64_t amount, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (amount % unit.factor == 0) {
      return std::to_string(amount / unit.factor).append(unit.name);
    }
  }
  return std::to_string(amount);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration(0);
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<Duration::rep>::max());
  KV_ASSIGN(const uint64_t nanoseconds,
            scale(text, kDurationUnits, kMax,
                  "needs a whole number and a unit, one of ns us ms s m h d (as in 5s or 250ms)"));
  return Duration(static_cast<Duration::rep>(nanoseconds));
}

std::string format_duration(Duration duration) {
  if (duration == Duration(0)) return "0";
  return format(static_cast<uint64_t>(duration.count()), kDurationUnits);
}

Result<uint64_t> parse_size(std::string_view text) {
  return scale(
      text, kSizeUnits, std::numeric_limits<uint64_t>::max(),
      "needs a whole number and a unit, one of B KiB MiB GiB TiB kB MB GB TB (as in 64MiB), "
      "or none for bytes");
}

std::string format_size(uint64_t bytes) {
  return bytes == 0 ? "0" : format(bytes, kSizeUnits);
}

Result<uint64_t> parse_number(std::string_view text) {
  KV_ASSIGN(const Quantity quantity, split(text));
  if (!quantity.unit.empty()) return fail(ErrorKind::invalid, "is not a whole number");
  return quantity.number;
}

}  // namespace kv
