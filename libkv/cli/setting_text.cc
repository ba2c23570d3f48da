#include "libkv/cli/setting_text.h"

#include <algorithm>

#include <sys/un.h>

#include "libkv/cli/units.h"

namespace kv {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";

bool is_label_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
  });
}

Status check_ipc_path(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return fail(ErrorKind::invalid, "an ipc endpoint needs an absolute path: ipc:///run/kv/node");
  }
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorKind::invalid, "the socket's path is longer than the " +
                                        std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                        " bytes the system allows");
  }
  return {};
}

Status check_tcp_address(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return fail(ErrorKind::invalid, "a tcp endpoint needs host and port: tcp://127.0.0.1:7001");
  }
  const auto port = parse_number(address.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) {
    return fail(ErrorKind::invalid, "the port must be a number from 1 to 65535");
  }
  return {};
}

}  // namespace

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> words;
  for (;;) {
    const size_t begin = text.find_first_not_of(", ");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(", "), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Status check_endpoint(std::string_view text) {
  if (text.starts_with(kIpc)) return check_ipc_path(text.substr(kIpc.size()));
  if (text.starts_with(kTcp)) return check_tcp_address(text.substr(kTcp.size()));
  return fail(ErrorKind::invalid, "an endpoint begins with ipc:// or tcp://");
}

Result<std::map<std::string, std::string>> parse_labels(std::string_view text) {
  std::map<std::string, std::string> labels;
  for (const std::string& word : split_list(text)) {
    const size_t equals = std::min(word.find('='), word.size());
    const std::string name = word.substr(0, equals);
    const std::string value = equals < word.size() ? word.substr(equals + 1) : "";
    if (!is_label_text(name) || !is_label_text(value)) {
      return fail(ErrorKind::invalid,
                  "a label is NAME=VALUE in letters, digits, '_', '-' and '.': " + word);
    }
    if (!labels.emplace(name, value).second) {
      return fail(ErrorKind::invalid, "the label " + name + " stands twice");
    }
  }
  return labels;
}

}  // namespace kv
