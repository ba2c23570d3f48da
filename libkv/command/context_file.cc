#include "libkv/command/context_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libkv/cli/byte_source.h"
#include "libkv/cli/output.h"
#include "libkv/codec/context_codec.h"

namespace kv {

namespace {
constexpr size_t kContextBytesMax = 4u << 20;
}  // namespace

Error local_failure(Error error) {
  error.kind = ErrorKind::io;
  return error;
}

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  Result<std::string> bytes = read_path(path, bytes_max);
  if (!bytes && bytes.error().kind == ErrorKind::invalid)
    return fail(ErrorKind::invalid, path + ": " + bytes.error().what);
  return bytes;
}

Result<CausalContext> read_context(const std::string& path) {
  KV_ASSIGN(const std::string text, read_file(path, kContextBytesMax));
  if (text.empty())
    return fail(ErrorKind::invalid, path + ": is empty: no context was saved there");
  Result<CausalContext> context = context_from_text(text);
  if (!context) return fail(context.error().kind, path + ": " + context.error().what);
  return context;
}

Result<std::unique_ptr<ContextFile>> ContextFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return fail(ErrorKind::io, path + ": " + std::strerror(errno));
  return std::unique_ptr<ContextFile>(new ContextFile(path, descriptor));
}

ContextFile::~ContextFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Status ContextFile::clear() {
  struct stat status;
  // A pipe or device has nothing that could be cut off.
  const bool is_file = ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (!is_file || ::ftruncate(descriptor_, 0) == 0) return {};
  return fail(ErrorKind::io, path_ + ": " + std::strerror(errno));
}

Status ContextFile::save(const CausalContext& context) {
  KV_TRY(clear());
  Output output(std::exchange(descriptor_, -1), path_);
  KV_TRY(output.write(context_to_text(context) + "\n"));
  return output.finish();
}

}  // namespace kv
