#include "libkv/base/stderr_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace kv {

struct StderrLog::Sink {
  spdlog::logger logger{"", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

StderrLog::StderrLog() : sink_(std::make_unique<Sink>()) {
  // Levels were decided by Log::event; here everything that comes is written, at once.
  sink_->logger.set_level(spdlog::level::trace);
  sink_->logger.flush_on(spdlog::level::trace);
  sink_->logger.set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc);
}

StderrLog::~StderrLog() = default;

void StderrLog::write(LogLevel level, std::string_view line) {
  const auto severity = [level] {
    switch (level) {
      case LogLevel::debug:
        return spdlog::level::debug;
      case LogLevel::info:
        return spdlog::level::info;
      case LogLevel::warning:
        return spdlog::level::warn;
      case LogLevel::error:
        return spdlog::level::err;
    }
    return spdlog::level::info;
  }();
  sink_->logger.log(severity, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace kv
