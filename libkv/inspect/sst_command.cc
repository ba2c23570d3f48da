#include "libkv/inspect/sst_command.h"

#include "libkv/base/posix_file_system.h"
#include "libkv/cli/output.h"
#include "libkv/command/outcome.h"
#include "libkv/inspect/file_outcome.h"
#include "libkv/inspect/table_lines.h"

namespace kv {

namespace {

/// Prints what was asked for of one table, as the walk meets it.
class TablePrinter final : public TableVisitor {
 public:
  TablePrinter(const std::string& path, const SstOptions& options, Output& output,
               const Messages& messages)
      : path_(path),
        options_(options),
        form_{options.json, options.values},
        output_(output),
        messages_(messages),
        summary_(path) {}

  void footer(const TableFooter& footer) override { summary_.add(footer); }
  void filter(BytesView bytes) override { summary_.add_filter(bytes); }
  void property(BytesView name, BytesView value) override { summary_.add_property(name, value); }
  void entry(const Entry& entry, uint64_t block_offset) override {
    ++tally_.entries;
    if (options_.entries) write(line_of(path_, entry, block_offset, form_));
  }
  void block(const TableBlock& block) override {
    ++tally_.blocks;
    summary_.add(block);
    if (options_.blocks) write(line_of(path_, block, form_));
  }
  void finding(const Finding& finding) override {
    ++tally_.findings;
    // To who asks for a table's contents its faults are messages; to who verifies, the answer.
    if (!options_.verify) return messages_.say(text_of(finding));
    write(line_of_table(finding, options_.json));
  }

  /// The table was walked through. True if it is sound.
  bool finish() {
    summary_.finish(tally_.entries);
    if (options_.verify) {
      write(verdict_line(path_, tally_, options_.json));
    } else if (!options_.blocks && !options_.entries) {
      write(summary_.lines(options_.json));
    }
    return tally_.findings == 0;
  }

 private:
  /// A failed write is kept by the output, and told at the end.
  void write(const std::string& text) { (void)output_.write(text); }

  const std::string& path_;
  const SstOptions& options_;
  const TableLineForm form_;
  Output& output_;
  const Messages& messages_;
  TableSummary summary_;
  TableTally tally_;
};

ExitCode show(const std::string& path, const SstOptions& options, Output& output,
              const Messages& messages) {
  PosixFileSystem files;
  TablePrinter printer(path, options, output, messages);
  const auto walked = walk_table(files, path, printer);
  if (!walked) return tell_file_failure(messages, walked.error());
  return printer.finish() ? ExitCode::done : ExitCode::corrupt;
}

}  // namespace

ExitCode run_sst(const SstOptions& options, const Messages& messages) {
  if (options.blocks + options.entries + options.verify > 1)
    return tell_usage(messages, "--blocks, --entries and --verify: one at a time");
  if (options.values && !options.entries) return tell_usage(messages, "--values needs --entries");
  Output output;
  auto code = ExitCode::done;
  for (const std::string& path : options.paths)
    code = combine(code, show(path, options, output, messages));
  return close_output(output, messages, code);
}

}  // namespace kv
