#include "libkv/cli/options.h"

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "libkv/cli/message.h"
#include "libkv/cli/output.h"
#include "libkv/cli/units.h"

namespace kv {
namespace {

// Stands before each word that is not an option while CLI11 has it. Any character would do that
// CLI11 gives no meaning to.
constexpr char kMark = '=';

std::string unmarked(const std::string& word) {
  return !word.empty() && word.front() == kMark ? word.substr(1) : word;
}

bool is_flag(const Option& option) {
  return std::holds_alternative<bool*>(option.target);
}

std::vector<std::string> spellings(const Option& option) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= option.names.size();) {
    const size_t end = std::min(option.names.find(',', begin), option.names.size());
    names.push_back(option.names.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

std::string shown_name(const Option& option) {
  return spellings(option).back();
}

const Option* find_option(const Program& program, const std::string& name) {
  for (const Option& option : program.options) {
    const auto names = spellings(option);
    if (std::find(names.begin(), names.end(), name) != names.end()) return &option;
  }
  return nullptr;
}

// Marks the words that are not options. `--name=value` becomes two words, so that an empty value
// stays one.
Result<std::vector<std::string>> guard(const Program& program,
                                       const std::vector<std::string>& words) {
  std::vector<std::string> guarded;
  bool ended = false;
  bool value_is_next = false;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (ended || value_is_next || word.size() < 2 || word.front() != '-') {
      guarded.push_back(kMark + word);
      value_is_next = false;
    } else if (word == "--") {
      ended = true;
    } else if (word.starts_with("--") && equals != std::string::npos) {
      const Option* option = find_option(program, word.substr(0, equals));
      if (option == nullptr || is_flag(*option)) {
        return fail(ErrorKind::invalid, option == nullptr
                                            ? "unknown option " + word.substr(0, equals)
                                            : shown_name(*option) + " takes no value");
      }
      guarded.push_back(word.substr(0, equals));
      guarded.push_back(kMark + word.substr(equals + 1));
    } else {
      guarded.push_back(word);
      const Option* option = find_option(program, word);
      value_is_next = option != nullptr && !is_flag(*option);
    }
  }
  return guarded;
}

Status check_choice(const Option& option, const std::string& value) {
  if (option.choices.empty()) return {};
  if (std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end()) {
    return {};
  }
  std::string known;
  for (const auto& choice : option.choices) known += " " + choice;
  return fail(ErrorKind::invalid, "is none of" + known);
}

// One value into its target, converted and checked.
struct Store {
  const std::string& value;

  template <typename T, typename Parse>
  Status convert(T* target, Parse parse) const {
    KV_ASSIGN(*target, parse(value));
    return {};
  }
  Status operator()(bool* target) const { return *target = true, Status(); }
  Status operator()(std::string* target) const { return *target = value, Status(); }
  Status operator()(std::optional<std::string>* target) const { return *target = value, Status(); }
  Status operator()(std::vector<std::string>* target) const {
    return target->push_back(value), Status();
  }
  Status operator()(uint64_t* target) const { return convert(target, parse_number); }
  Status operator()(std::optional<uint64_t>* target) const { return convert(target, parse_number); }
  Status operator()(Duration* target) const { return convert(target, parse_duration); }
  Status operator()(std::optional<Duration>* target) const {
    return convert(target, parse_duration);
  }
  Status operator()(ByteSize* target) const { return convert(&target->bytes, parse_size); }
};

Status store_option(const Option& option, const std::vector<std::string>& values) {
  const bool repeatable = std::holds_alternative<std::vector<std::string>*>(option.target);
  if (values.size() > 1 && !repeatable && !is_flag(option)) {
    return fail(ErrorKind::invalid, shown_name(option) + " is given twice");
  }
  for (const std::string& value : values) {
    auto stored = check_choice(option, value);
    if (stored) stored = std::visit(Store{value}, option.target);
    if (!stored) {
      return fail(ErrorKind::invalid,
                  shown_name(option) + ": '" + printable(value) + "' " + stored.error().what);
    }
  }
  return {};
}

struct ArgumentCursor {
  const std::vector<std::string>& words;
  size_t next = 0;

  bool at_end() const { return next == words.size(); }
  Status missing(const Argument& argument) const {
    return fail(ErrorKind::invalid, "missing " + argument.name);
  }
  Status fill(const Argument& argument) {
    if (auto* one = std::get_if<std::string*>(&argument.target)) {
      if (at_end()) return missing(argument);
      **one = words[next++];
    } else if (auto* maybe = std::get_if<std::optional<std::string>*>(&argument.target)) {
      if (!at_end()) **maybe = words[next++];
    } else {
      auto& all = *std::get<std::vector<std::string>*>(argument.target);
      while (!at_end()) all.push_back(words[next++]);
      if (all.size() < argument.count_min) return missing(argument);
    }
    return {};
  }
};

Status store_arguments(const Program& program, const std::vector<std::string>& words) {
  ArgumentCursor cursor{words};
  for (const Argument& argument : program.arguments) KV_TRY(cursor.fill(argument));
  if (!cursor.at_end()) {
    return fail(ErrorKind::invalid, "unexpected argument '" + printable(words[cursor.next]) + "'");
  }
  return {};
}

// The CLI11 application with the values it collects, not yet converted.
class Parser {
 public:
  explicit Parser(const Program& program)
      : app_("", program.name), values_(program.options.size()) {
    app_.set_help_flag();
    app_.add_flag("--help", help_);
    app_.add_flag("--version", version_);
    app_.add_option("arguments", arguments_);
    for (size_t i = 0; i < program.options.size(); ++i) add(program.options[i], values_[i]);
  }

  Status run(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());  // CLI11 takes them from the back.
    try {
      app_.parse(std::move(words));
    } catch (const CLI::ExtrasError&) {
      return unknown_option();
    } catch (const CLI::ArgumentMismatch& error) {
      return fail(ErrorKind::invalid, missing_value(error));
    } catch (const CLI::Error& error) {
      return fail(ErrorKind::invalid, error.what());
    }
    return check_marks();
  }

  bool help() const { return help_; }
  bool version() const { return version_; }
  const std::vector<std::string>& values(size_t i) const { return values_[i]; }
  std::vector<std::string> arguments() const {
    std::vector<std::string> words;
    for (const auto& word : arguments_) words.push_back(unmarked(word));
    return words;
  }

 private:
  void add(const Option& option, std::vector<std::string>& values) {
    if (is_flag(option)) {
      app_.add_flag_callback(option.names, [&values] { values.emplace_back(); });
      return;
    }
    app_.add_option(option.names,
                    [&values](const CLI::results_t& results) {
                      for (const auto& word : results) values.push_back(unmarked(word));
                      return true;
                    })
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  // CLI11 takes what looks like a negative number for an argument. One that a person meant as such
  // stood behind `--`, and bears a mark.
  Status check_marks() const {
    for (const auto& word : arguments_) {
      if (!word.empty() && word.front() == kMark) continue;
      return fail(ErrorKind::invalid, "unknown option " + printable(word));
    }
    return {};
  }

  Status unknown_option() const {
    for (const auto& word : app_.remaining()) {
      if (!word.empty() && word.front() == '-') {
        return fail(ErrorKind::invalid, "unknown option " + printable(word));
      }
    }
    return fail(ErrorKind::invalid, "unexpected argument");
  }

  static std::string missing_value(const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    return text.substr(0, text.find(':')) + " needs a value";
  }

  CLI::App app_;
  bool help_ = false;
  bool version_ = false;
  std::vector<std::string> arguments_;
  std::vector<std::vector<std::string>> values_;
};

// A standard descriptor that the caller closed would be taken by the next socket or file, and data
// meant for stdout would go there. What is put in its place fails every read or write.
void occupy_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    // The lowest free number is this one.
    [[maybe_unused]] const int opened = ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace

Result<ParseOutcome> parse_words(const Program& program, const std::vector<std::string>& words) {
  KV_ASSIGN(auto guarded, guard(program, words));
  Parser parser(program);
  KV_TRY(parser.run(std::move(guarded)));
  if (parser.help()) return ParseOutcome::help;
  if (parser.version()) return ParseOutcome::version;
  for (size_t i = 0; i < program.options.size(); ++i) {
    KV_TRY(store_option(program.options[i], parser.values(i)));
  }
  KV_TRY(store_arguments(program, parser.arguments()));
  return ParseOutcome::run;
}

std::optional<ExitCode> parse_command_line(const Program& program, int argc,
                                           const char* const* argv) {
  occupy_standard_descriptors();
  Messages messages(program.name);
  const auto outcome = parse_words(program, std::vector<std::string>(argv + 1, argv + argc));
  if (!outcome) {
    messages.say(outcome.error().what + " (see " + program.name + " --help)");
    return ExitCode::usage;
  }
  if (*outcome == ParseOutcome::run) return std::nullopt;
  Output output;
  output.write(*outcome == ParseOutcome::help ? help_text(program) : version_text(program));
  if (auto finished = output.finish(); !finished) {
    messages.say(finished.error().what);
    return ExitCode::local;
  }
  return ExitCode::done;
}

}  // namespace kv
