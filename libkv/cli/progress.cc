#include "libkv/cli/progress.h"

#include <string>

#include <unistd.h>

namespace kv {
namespace {

constexpr Duration kInterval = 100ms;
constexpr std::string_view kWipe = "\r\x1b[K";

void write_to_stderr(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Progress::Progress() : is_shown_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear();
}

void Progress::show(std::string_view text, Instant now) {
  if (!is_shown_) return;
  write_to_stderr(std::string(kWipe).append(text));
  is_dirty_ = true;
  next_ = now + kInterval;
}

void Progress::clear() {
  if (is_dirty_) write_to_stderr(kWipe);
  is_dirty_ = false;
}

}  // namespace kv
