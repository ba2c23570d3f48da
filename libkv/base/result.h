// Result<T>: a value, or an Error that carries facts. Expected failures travel this way and are
// checked at once; bugs are assertions (assert.h). Nothing in libkv throws across a room's border.
#pragma once

#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace kv {

/// The classes of failure that somebody above decides by. Their exit codes: cli/exit_code.h.
enum class ErrorKind {
  invalid,        ///< Bad input, a limit, a usage or configuration fault. Do not retry.
  not_found,      ///< No such key, file or row.
  unavailable,    ///< Not done, nothing was stored. May be retried.
  busy,           ///< A queue is full. May be retried.
  unknown,        ///< A write without an answer in time: it may have been stored.
  conflict,       ///< Siblings where one value was asked for; a condition not met.
  corrupt,        ///< Bytes fail their checksum or do not parse.
  denied,         ///< Not allowed to this user.
  io,             ///< A file operation failed here.
  no_space,       ///< The disk is full.
  locked,         ///< Another process holds the directory.
  wrong_cluster,  ///< The directory or peer belongs to another cluster or member.
  format,         ///< Written by a newer version.
};

struct Error {
  ErrorKind kind;
  std::string what;  ///< A whole phrase without a final period: `FILE: offset N: what is wrong`.
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// `return fail(ErrorKind::io, path + ": " + reason);`
inline tl::unexpected<Error> fail(ErrorKind kind, std::string what) {
  return tl::unexpected<Error>(Error{kind, std::move(what)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

/// What an error says without the file's name before it: for who names the file already.
std::string without_path(const std::string& path, const Error& error);

/// The error's name as it is told to a person: `unavailable`, `no space`, …
const char* to_string(ErrorKind kind);

}  // namespace kv

/// Evaluates `expression` (a Status or Result) and returns its error from the calling function.
#define KV_TRY(expression)                                   \
  do {                                                       \
    if (auto kv_try_result_ = (expression); !kv_try_result_) \
      return ::kv::fail(std::move(kv_try_result_).error());  \
  } while (false)

#define KV_CONCAT_INNER_(a, b) a##b
#define KV_CONCAT_(a, b) KV_CONCAT_INNER_(a, b)
#define KV_ASSIGN_INNER_(name, target, expression)       \
  auto name = (expression);                              \
  if (!name) return ::kv::fail(std::move(name).error()); \
  target = std::move(*name)
/// `KV_ASSIGN(auto file, files.open(path));` binds the value or returns the error.
#define KV_ASSIGN(target, expression) \
  KV_ASSIGN_INNER_(KV_CONCAT_(kv_assign_, __LINE__), target, expression)
