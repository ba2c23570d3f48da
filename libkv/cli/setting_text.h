// The spelling of list-like settings in the environment and on command lines. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libkv/base/result.h"

namespace kv {

/// The words between commas and spaces.
std::vector<std::string> split_list(std::string_view text);

/// invalid unless `text` is `ipc://` with an absolute path that fits a socket address, or
/// `tcp://host:port` with a port of 1…65535.
Status check_endpoint(std::string_view text);

/// `dc=dc1,rack=r1`. Names and values are letters, digits, `_`, `-` and `.`.
Result<std::map<std::string, std::string>> parse_labels(std::string_view text);

}  // namespace kv
