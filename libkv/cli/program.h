// How a program describes what it accepts: plain structs, from which come the parser (options.h),
// `--help`, and the test that every option stands in the man page.
//
// A Program points into variables of its main; they must outlive the parse. Not thread-safe, and
// need not be: options are parsed once, first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libkv/base/time.h"

namespace kv {

/// A size that is written with a unit, such as 64MiB.
struct ByteSize {
  uint64_t bytes = 0;
};

/// Where an option's value goes. A bool is a flag and takes no value; a vector collects every
/// occurrence; anything else may be given once.
using OptionTarget = std::variant<bool*, std::string*, std::optional<std::string>*,
                                  std::vector<std::string>*, uint64_t*, std::optional<uint64_t>*,
                                  Duration*, std::optional<Duration>*, ByteSize*>;

struct Option {
  /// All spellings, comma-separated: `-0,--null`. The last is the one in messages.
  std::string names;
  /// What stands for the value in the help: `FILE`, `DURATION`. Empty for a flag.
  std::string value_name;
  std::string help;
  OptionTarget target;
  /// If not empty, the only values allowed.
  std::vector<std::string> choices = {};
};

/// A std::string must be given, an optional may be, a vector takes all that are left.
using ArgumentTarget =
    std::variant<std::string*, std::optional<std::string>*, std::vector<std::string>*>;

struct Argument {
  std::string name;  ///< `KEY`; how it stands in the help and in messages.
  std::string help;
  ArgumentTarget target;
  size_t count_min = 0;  ///< For a vector: how many there must be.
};

struct Example {
  std::string command;
  std::string what;  ///< One line of what it does.
};

struct Program {
  std::string name;     ///< `kv-get`
  std::string summary;  ///< One line without a period.
  std::vector<Argument> arguments = {};
  std::vector<Option> options = {};
  std::vector<Example> examples = {};
  std::string notes = {};  ///< Paragraphs after the options, if any.
};

/// The text of `--help`.
std::string help_text(const Program& program);
/// The text of `--version`: `kv-get 0.1.0`.
std::string version_text(const Program& program);

}  // namespace kv
