// One line on stderr that is rewritten while a long command runs: on a terminal only. Not
// thread-safe.
#pragma once

#include <string_view>

#include "libkv/base/time.h"

namespace kv {

class Progress {
 public:
  /// Shows nothing unless stderr is a terminal.
  Progress();
  /// Wipes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  bool is_shown() const { return is_shown_; }
  /// Whether a new line is due (ten a second at most), so that the caller composes the text only
  /// then.
  bool is_due(Instant now) const { return is_shown_ && now >= next_; }
  /// Replaces the line by `text`, which should be under 80 columns.
  void show(std::string_view text, Instant now);
  /// Wipes the line, for a message to be printed in its place.
  void clear();

 private:
  bool is_shown_;
  bool is_dirty_ = false;
  Instant next_{};
};

}  // namespace kv
