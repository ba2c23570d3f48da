// The log: one line an event, `level event key=value key=value`, to whoever was handed in as the
// sink (stderr in a daemon, the trace in the simulator, nothing in a unit test).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace kv {

enum class LogLevel { debug, info, warning, error };
const char* to_string(LogLevel level);

/// One `key=value` of a log line; text is quoted when it has spaces, quotes or control bytes.
struct LogField {
  std::string_view key;
  std::string value;

  LogField(std::string_view k, std::string_view v);
  LogField(std::string_view k, const char* v) : LogField(k, std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : LogField(k, std::string_view(v)) {}
  LogField(std::string_view k, double v);
  template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
  LogField(std::string_view k, Integer v) : key(k), value(std::to_string(v)) {}
};

/// Where lines go. Implementations must be callable from any thread.
class Log {
 public:
  virtual ~Log() = default;
  /// `line` is `event key=value …` without level, time or newline.
  virtual void write(LogLevel level, std::string_view line) = 0;

  void set_level(LogLevel level) { level_ = level; }
  void event(LogLevel level, std::string_view name, std::initializer_list<LogField> fields = {});
  void debug(std::string_view name, std::initializer_list<LogField> fields = {}) {
    event(LogLevel::debug, name, fields);
  }
  void info(std::string_view name, std::initializer_list<LogField> fields = {}) {
    event(LogLevel::info, name, fields);
  }
  void warning(std::string_view name, std::initializer_list<LogField> fields = {}) {
    event(LogLevel::warning, name, fields);
  }
  void error(std::string_view name, std::initializer_list<LogField> fields = {}) {
    event(LogLevel::error, name, fields);
  }

 private:
  LogLevel level_ = LogLevel::info;
};

/// Drops everything.
class NullLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace kv
