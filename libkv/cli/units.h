// Durations and sizes as people write them: `250ms`, `5s`, `30m`, `64MiB`. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv {

/// A whole number with one of ns us ms s m h d; a bare `0` is allowed, any other number without
/// a unit is not, because a guess between seconds and milliseconds is wrong half of the time.
Result<Duration> parse_duration(std::string_view text);

/// The shortest spelling that parse_duration() reads back as the same duration.
/// REQUIRES: duration >= 0.
std::string format_duration(Duration duration);

/// A whole number of bytes, or one with B, KiB MiB GiB TiB (1024) or kB MB GB TB (1000).
Result<uint64_t> parse_size(std::string_view text);

/// The shortest spelling that parse_size() reads back as the same number, in 1024s.
std::string format_size(uint64_t bytes);

/// A whole decimal number; no sign, space or prefix.
Result<uint64_t> parse_number(std::string_view text);

}  // namespace kv
