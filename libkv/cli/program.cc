#include "libkv/cli/program.h"

#include <algorithm>

namespace kv {
namespace {

constexpr size_t kHelpColumn = 28;
constexpr size_t kLineColumns = 96;

std::string synopsis(const Argument& argument) {
  if (std::holds_alternative<std::string*>(argument.target)) return " " + argument.name;
  if (std::holds_alternative<std::optional<std::string>*>(argument.target)) {
    return " [" + argument.name + "]";
  }
  return argument.count_min > 0 ? " " + argument.name + "..." : " [" + argument.name + "...]";
}

// `-0,--null` → `-0, --null`, with the value's name.
std::string spelling(const Option& option) {
  std::string text;
  for (char c : option.names) text += c == ',' ? std::string(", ") : std::string(1, c);
  if (!option.value_name.empty()) text += " " + option.value_name;
  return text;
}

// Two columns; the right one is wrapped at words.
void append_entry(std::string& out, const std::string& left, const std::string& right) {
  std::string line = "  " + left;
  line += line.size() + 2 <= kHelpColumn ? std::string(kHelpColumn - line.size(), ' ')
                                         : "\n" + std::string(kHelpColumn, ' ');
  size_t column = kHelpColumn;
  for (size_t begin = 0; begin < right.size();) {
    const size_t end = std::min(right.find(' ', begin), right.size());
    if (column > kHelpColumn && column + 1 + (end - begin) > kLineColumns) {
      line += "\n" + std::string(kHelpColumn, ' ');
      column = kHelpColumn;
    } else if (column > kHelpColumn) {
      line += ' ';
      ++column;
    }
    line.append(right, begin, end - begin);
    column += end - begin;
    begin = end + 1;
  }
  out += line + "\n";
}

std::string help_of(const Option& option) {
  if (option.choices.empty()) return option.help;
  std::string text = option.help + " (";
  for (const auto& choice : option.choices) {
    if (&choice != &option.choices.front()) text += ", ";
    text += choice;
  }
  return text + ")";
}

}  // namespace

std::string help_text(const Program& program) {
  std::string out = "usage: " + program.name + " [options]";
  for (const Argument& argument : program.arguments) out += synopsis(argument);
  out += "\n\n" + program.summary + ".\n\n";
  for (const Argument& argument : program.arguments) {
    append_entry(out, argument.name, argument.help);
  }
  if (!program.arguments.empty()) out += "\n";
  out += "options:\n";
  for (const Option& option : program.options) {
    append_entry(out, spelling(option), help_of(option));
  }
  append_entry(out, "--help", "print this and exit");
  append_entry(out, "--version", "print the version and exit");
  append_entry(out, "--", "end the options: what follows is taken as it is");
  if (!program.examples.empty()) out += "\nexamples:\n";
  for (const Example& example : program.examples) {
    out += "  # " + example.what + "\n  " + example.command + "\n";
  }
  if (!program.notes.empty()) out += "\n" + program.notes + "\n";
  return out;
}

std::string version_text(const Program& program) {
  return program.name + " " KV_VERSION "\n";
}

}  // namespace kv
