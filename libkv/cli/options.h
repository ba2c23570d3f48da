// Parsing a command line against a Program. CLI11 does the parsing; it is included in options.cc
// alone. What a user types reaches the program byte for byte: CLI11 by itself would split a key
// such as `[a,b]` into two and take the word after `--prefix=` for its value, so every word that is
// not an option is guarded by a mark that is taken off again.
//
// Rules: options and arguments may be mixed; `--` ends the options; `-` is an argument; an
// option's value is the next word whatever it begins with, or follows `=`; an option that takes one
// value and is given twice is an error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/program.h"

namespace kv {

enum class ParseOutcome {
  run,      ///< The targets are filled in.
  help,     ///< --help was asked for; the targets are not to be used.
  version,  ///< --version was asked for.
};

/// Parses the words after the program's name and fills the targets. An error is `invalid` and names
/// the option or argument. Prints nothing.
Result<ParseOutcome> parse_words(const Program& program, const std::vector<std::string>& words);

/// What a main calls first: parses, prints the help or version to stdout or the error to stderr,
/// and returns the code to exit with, or nothing if the program shall run.
std::optional<ExitCode> parse_command_line(const Program& program, int argc,
                                           const char* const* argv);

}  // namespace kv
