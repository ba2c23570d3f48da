#include "libkv/command/context_file.h"

#include "libkv/base/posix_environment.h"
#include "libkv/cli/byte_source.h"
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
  Result<CausalContext> context = context_from_text(text);
  if (!context) return fail(context.error().kind, path + ": " + context.error().what);
  return context;
}

Status write_context(const std::string& path, const CausalContext& context) {
  PosixFileSystem files;
  const auto file = files.open(path, OpenMode::write);
  if (!file) return fail(local_failure(file.error()));
  KV_TRY((*file)->truncate(0));
  return (*file)->write_at(0, context_to_text(context) + "\n");
}

}  // namespace kv
