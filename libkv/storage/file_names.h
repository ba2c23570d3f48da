// How the files of an engine are named (on disk: never change): a number of six digits or more, and
// an extension for what it is. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kv {

/// `000012.log`
std::string log_file_name(uint64_t number);
/// `000012.sst`
std::string table_file_name(uint64_t number);
/// The number in a file's name with this extension, or nothing.
std::optional<uint64_t> numbered_file(const std::string& name, const std::string& extension);
/// A segment of the log, or a table: what holds data.
bool is_engine_file(const std::string& name);

}  // namespace kv
