#include "libkv/base/result.h"

namespace kv {

std::string without_path(const std::string& path, const Error& error) {
  return error.what.starts_with(path + ": ") ? error.what.substr(path.size() + 2) : error.what;
}

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not found";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::unknown:
      return "unknown";
    case ErrorKind::conflict:
      return "conflict";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::io:
      return "local failure";
    case ErrorKind::no_space:
      return "no space";
    case ErrorKind::locked:
      return "locked";
    case ErrorKind::wrong_cluster:
      return "wrong cluster";
    case ErrorKind::format:
      return "format";
  }
  return "?";
}

}  // namespace kv
