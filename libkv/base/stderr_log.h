// The log of a daemon: one line an event on stderr, `TIME LEVEL event key=value …`, written whole
// so that lines of several daemons do not mix. Thread-safe.
#pragma once

#include <memory>
#include <string_view>

#include "libkv/base/log.h"

namespace kv {

class StderrLog final : public Log {
 public:
  StderrLog();
  ~StderrLog() override;
  void write(LogLevel level, std::string_view line) override;

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace kv
