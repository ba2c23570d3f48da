// kv-sst: shows what is in SSTables and verifies them, without their kv-node.
#include <string>
#include <vector>

#include "libkv/base/posix_file_system.h"
#include "libkv/cli/escaped_text.h"
#include "libkv/cli/exit_code.h"
#include "libkv/cli/json_line.h"
#include "libkv/cli/message.h"
#include "libkv/cli/options.h"
#include "libkv/cli/output.h"
#include "libkv/storage/table/bloom_filter.h"
#include "libkv/storage/table/table_walk.h"

namespace {

struct Choices {
  bool blocks = false;
  bool entries = false;
  bool verify = false;
  bool values = false;
  bool json = false;
};

/// Prints what was asked for of one table, as the walk meets it.
class Printer final : public kv::TableVisitor {
 public:
  Printer(const std::string& path, const Choices& choices, kv::Output& output,
          const kv::Messages& messages)
      : path_(path), choices_(choices), output_(output), messages_(messages) {
    summary_.bytes("file", path);
  }

  void footer(const kv::TableFooter& footer) override {
    number("version", footer.version);
    // As text: many readers of JSON know no integers above 2^53.
    const std::string salt = std::to_string(footer.salt);
    summary_.text("salt", salt);
    row("salt", salt);
    place("filter", footer.filter);
    place("index", footer.index);
    place("properties", footer.properties);
  }
  void filter(kv::BytesView bytes) override {
    const auto shape = kv::bloom_shape(bytes);
    number("filter_probes", shape ? shape->probes : 0);
    number("filter_lines", shape ? shape->lines : 0);
  }
  void property(kv::BytesView name, kv::BytesView value) override {
    const std::string shown = "property_" + kv::escaped(name);
    summary_.bytes(shown, value);
    row(shown, kv::escaped(value));
  }
  void entry(const kv::Entry& entry, uint64_t block_offset) override {
    ++entries_;
    if (choices_.entries)
      write(choices_.json ? json_of(entry, block_offset) : text_of(entry, block_offset));
  }
  void block(const kv::TableBlock& block) override {
    ++blocks_;
    if (choices_.blocks) write(choices_.json ? json_of(block) : text_of(block));
  }
  void finding(const kv::Finding& finding) override {
    ++findings_;
    // To who asks for a table's contents its faults are messages; to who verifies, the answer.
    if (!choices_.verify) return messages_.say(kv::escaped(to_text(finding)));
    write(choices_.json ? kv::JsonLine()
                              .bytes("file", finding.file)
                              .number("offset", finding.offset)
                              .text("what", finding.what)
                              .line()
                        : kv::escaped(to_text(finding)) + "\n");
  }

  /// The table was walked through. True if it is sound.
  bool finish() {
    number("data_entries", entries_);
    if (choices_.verify) {
      write(choices_.json ? kv::JsonLine()
                                .bytes("file", path_)
                                .number("findings", findings_)
                                .number("blocks", blocks_)
                                .number("entries", entries_)
                                .line()
                          : verdict());
    } else if (is_summary()) {
      write(choices_.json ? summary_.line() : rows_);
    }
    return findings_ == 0;
  }

 private:
  bool is_summary() const { return !choices_.blocks && !choices_.entries && !choices_.verify; }
  /// A failed write is kept by the output, and told at the end.
  void write(const std::string& text) { (void)output_.write(text); }

  void row(const std::string& name, const std::string& value) {
    rows_ += kv::escaped(path_) + "\t" + name + "\t" + value + "\n";
  }
  void number(const std::string& name, uint64_t value) {
    summary_.number(name, value);
    row(name, std::to_string(value));
  }
  void place(const std::string& name, kv::BlockHandle handle) {
    number(name + "_offset", handle.offset);
    number(name + "_bytes", handle.payload_bytes);
  }

  static const char* kind_of(const kv::Entry& entry) {
    return entry.kind == kv::EntryKind::value ? "value" : "removal";
  }
  std::string text_of(const kv::Entry& entry, uint64_t offset) const {
    std::string line = kv::escaped(path_) + "\t" + std::to_string(offset) + "\t" +
                       kv::escaped(entry.key) + "\t" + std::to_string(entry.sequence) + "\t" +
                       kind_of(entry) + "\t" + std::to_string(entry.value.size());
    if (choices_.values) line += "\t" + kv::escaped(entry.value);
    return line + "\n";
  }
  std::string json_of(const kv::Entry& entry, uint64_t offset) const {
    kv::JsonLine line;
    line.bytes("file", path_).number("offset", offset).bytes("key", entry.key);
    line.number("sequence", entry.sequence).text("kind", kind_of(entry));
    line.number("value_bytes", entry.value.size());
    if (choices_.values) line.bytes("value", entry.value);
    return line.line();
  }
  static const char* compression_of(const kv::TableBlock& block) {
    return block.trailer.compression == kv::BlockCompression::lz4 ? "lz4" : "none";
  }
  std::string text_of(const kv::TableBlock& block) const {
    return kv::escaped(path_) + "\t" + std::to_string(block.handle.offset) + "\t" +
           to_string(block.part) + "\t" + std::to_string(block.handle.payload_bytes) + "\t" +
           std::to_string(block.trailer.raw_bytes) + "\t" + compression_of(block) + "\t" +
           std::to_string(block.entries) + "\n";
  }
  std::string json_of(const kv::TableBlock& block) const {
    return kv::JsonLine()
        .bytes("file", path_)
        .number("offset", block.handle.offset)
        .text("part", to_string(block.part))
        .number("bytes", block.handle.payload_bytes)
        .number("raw_bytes", block.trailer.raw_bytes)
        .text("compression", compression_of(block))
        .number("entries", block.entries)
        .line();
  }
  std::string verdict() const {
    return kv::escaped(path_) + ": " +
           (findings_ == 0 ? "sound" : "findings " + std::to_string(findings_)) + "; blocks " +
           std::to_string(blocks_) + ", entries " + std::to_string(entries_) + "\n";
  }

  const std::string& path_;
  const Choices& choices_;
  kv::Output& output_;
  const kv::Messages& messages_;
  kv::JsonLine summary_;
  std::string rows_;
  uint64_t blocks_ = 0, entries_ = 0, findings_ = 0;
};

kv::ExitCode show(const std::string& path, const Choices& choices, kv::Output& output,
                  const kv::Messages& messages) {
  kv::PosixFileSystem files;
  Printer printer(path, choices, output, messages);
  const auto walked = kv::walk_table(files, path, printer);
  if (walked) return printer.finish() ? kv::ExitCode::done : kv::ExitCode::corrupt;
  messages.say(kv::escaped(walked.error().what));
  // A file that was named and is not there is a failure here, not "no such key".
  return walked.error().kind == kv::ErrorKind::not_found ? kv::ExitCode::local
                                                         : kv::exit_code_of(walked.error().kind);
}

}  // namespace

int main(int argc, char** argv) {
  Choices choices;
  std::vector<std::string> paths;
  const kv::Program program{
      .name = "kv-sst",
      .summary = "Show what is in SSTables, and verify them",
      .arguments = {{"FILE", "an SSTable, such as 000012.sst", &paths, 1}},
      .options = {{"--blocks", "", "a line for each block instead of the properties",
                   &choices.blocks},
                  {"--entries", "", "a line for each entry", &choices.entries},
                  {"--values", "", "with --entries: the values, too", &choices.values},
                  {"--verify", "", "verify everything, and tell only what is wrong",
                   &choices.verify},
                  {"--json", "", "print JSON Lines", &choices.json}},
      .examples = {{"kv-sst 000012.sst", "its footer, filter and properties"},
                   {"kv-sst --entries --json 000012.sst | jq -r .key", "its keys"},
                   {"kv-sst --verify *.sst", "which are damaged, and where?"}},
      .notes = "It writes nothing. See kv-format(5) for the bytes.",
  };
  if (const auto code = kv::parse_command_line(program, argc, argv)) return kv::to_int(*code);

  const kv::Messages messages(program.name);
  if (choices.blocks + choices.entries + choices.verify > 1) {
    messages.say("--blocks, --entries and --verify: one at a time");
    return kv::to_int(kv::ExitCode::usage);
  }
  if (choices.values && !choices.entries) {
    messages.say("--values needs --entries");
    return kv::to_int(kv::ExitCode::usage);
  }
  kv::Output output;
  auto code = kv::ExitCode::done;
  for (const std::string& path : paths)
    code = kv::combine(code, show(path, choices, output, messages));
  if (const kv::Status finished = output.finish(); !finished) {
    messages.say(finished.error().what);
    code = kv::combine(code, kv::ExitCode::local);
  }
  return kv::to_int(code);
}
