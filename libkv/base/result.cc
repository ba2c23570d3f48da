#include "libkv/base/result.h"

namespace kv {

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not_found";
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
      return "io";
    case ErrorKind::no_space:
      return "no_space";
    case ErrorKind::locked:
      return "locked";
    case ErrorKind::wrong_cluster:
      return "wrong_cluster";
    case ErrorKind::format:
      return "format";
  }
  return "?";
}

}  // namespace kv
