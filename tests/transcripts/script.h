// What obeys the lines of a transcript: each kind drives one machine and says what it did.
#pragma once

#include <memory>
#include <string>

namespace kv::transcript {

class Script {
 public:
  virtual ~Script() = default;
  /// Obeys a line; what was answered, a line each.
  virtual std::string run(const std::string& line) = 0;
};

std::unique_ptr<Script> make_put_get_script();
std::unique_ptr<Script> make_scan_script();
std::unique_ptr<Script> make_client_script();

}  // namespace kv::transcript
