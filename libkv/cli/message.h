// What a command says to a person: `kv-get: KEY: what` on stderr, one line, one write, so that
// lines of programs in one pipeline do not mix. Thread-safe as write(2) is.
#pragma once

#include <string>
#include <string_view>

#include "libkv/base/result.h"

namespace kv {

/// `text` with bytes that a terminal would act on, or that are not UTF-8, written as `\xNN`, and
/// cut after 200 bytes. For messages only: never for data.
std::string printable(std::string_view text);

class Messages {
 public:
  explicit Messages(std::string program) : program_(std::move(program)) {}

  /// `kv-get: what`. A write error is ignored: there is nowhere left to tell it.
  void say(std::string_view what) const;
  /// `kv-get: KEY: what`; the key is made printable, and an empty one is shown as ''.
  void say(std::string_view key, std::string_view what) const;
  /// `kv-get: KEY: unavailable: 1 of 2 replicas answered …`
  void say(std::string_view key, const Error& error) const;

 private:
  std::string program_;
};

}  // namespace kv
