// The two files that a bulk command keeps beside its input: what was rejected, and how far it came.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"

namespace kv {

/// `--resume FILE`: one line, how many records from the input's start are settled (stored or
/// rejected). Replaced whole by rename, about once a second, so that an interrupted run can be
/// taken up again; records settled since are then done twice, which is harmless.
class ResumeFile {
 public:
  /// A missing file means none. Writes it, so that one that cannot be written is an error here.
  /// Errors: invalid (not such a file), io.
  static Result<std::unique_ptr<ResumeFile>> open(const std::string& path);

  uint64_t settled() const { return at_start_; }
  Status settle_one(Instant now);
  /// Writes the final number.
  Status finish();

 private:
  explicit ResumeFile(std::string path) : path_(std::move(path)) {}
  Status read();
  Status write();

  const std::string path_;
  uint64_t at_start_ = 0;
  uint64_t count_ = 0;
  Instant next_write_{};
};

/// `--rejects FILE`: one JSON object a line.
class RejectsFile {
 public:
  /// Emptied first, or (`append`) continued.
  static Result<std::unique_ptr<RejectsFile>> open(const std::string& path, bool append);
  Status write(const std::string& line);
  Status finish();

 private:
  RejectsFile(std::string path, std::unique_ptr<File> file, uint64_t offset)
      : path_(std::move(path)), file_(std::move(file)), offset_(offset) {}

  const std::string path_;
  std::unique_ptr<File> file_;
  uint64_t offset_;
};

}  // namespace kv
