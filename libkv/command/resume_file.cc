#include "libkv/command/resume_file.h"

#include <array>
#include <charconv>

#include <sys/stat.h>

#include "libkv/base/posix_environment.h"
#include "libkv/command/context_file.h"

namespace kv {

Result<std::unique_ptr<ResumeFile>> ResumeFile::open(const std::string& path) {
  std::unique_ptr<ResumeFile> resume(new ResumeFile(path));
  PosixFileSystem files;
  KV_ASSIGN(const bool exists, files.exists(path));
  if (exists) KV_TRY(resume->read());
  // What cannot be written is told before anything is stored.
  KV_TRY(resume->write());
  return resume;
}

Status ResumeFile::read() {
  PosixFileSystem files;
  const auto file = files.open(path_, OpenMode::read);
  if (!file) return fail(local_failure(file.error()));
  std::array<char, 64> text{};
  KV_ASSIGN(const size_t size, (*file)->read_at(0, text));
  const auto end = std::from_chars(text.data(), text.data() + size, at_start_);
  const bool whole = end.ec == std::errc() && end.ptr + 1 == text.data() + size && *end.ptr == '\n';
  if (!whole)
    return fail(ErrorKind::invalid, path_ + ": not a file that --resume wrote; nothing was done");
  count_ = at_start_;
  return {};
}

Status ResumeFile::settle_one(Instant now) {
  ++count_;
  if (now < next_write_) return {};
  next_write_ = now + 1s;
  return write();
}

Status ResumeFile::finish() {
  return write();
}

Status ResumeFile::write() {
  PosixFileSystem files;
  const std::string temporary = path_ + ".new";
  {
    const auto file = files.open(temporary, OpenMode::write);
    if (!file) return fail(local_failure(file.error()));
    KV_TRY((*file)->truncate(0));
    KV_TRY((*file)->write_at(0, std::to_string(count_) + "\n"));
  }
  return files.rename(temporary, path_);
}

Result<std::unique_ptr<RejectsFile>> RejectsFile::open(const std::string& path, bool append) {
  struct stat input, rejects;
  const bool is_input = ::fstat(0, &input) == 0 && ::stat(path.c_str(), &rejects) == 0 &&
                        S_ISREG(rejects.st_mode) && input.st_dev == rejects.st_dev &&
                        input.st_ino == rejects.st_ino;
  if (is_input) return fail(ErrorKind::invalid, path + ": the rejects file is the input");
  PosixFileSystem files;
  auto file = files.open(path, OpenMode::write);
  if (!file) return fail(local_failure(file.error()));
  if (!append) KV_TRY((*file)->truncate(0));
  KV_ASSIGN(const uint64_t size, (*file)->size());
  return std::unique_ptr<RejectsFile>(new RejectsFile(path, std::move(*file), size));
}

Status RejectsFile::write(const std::string& line) {
  const std::string whole = line.ends_with('\n') ? line : line + "\n";
  KV_TRY(file_->write_at(offset_, whole));
  offset_ += whole.size();
  return {};
}

Status RejectsFile::finish() {
  return file_->sync();
}

}  // namespace kv
