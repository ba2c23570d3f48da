#include "libkv/inspect/table_lines.h"

#include "libkv/cli/escaped_text.h"
#include "libkv/storage/table/bloom_filter.h"

namespace kv {

namespace {

const char* kind_of(const Entry& entry) {
  return entry.kind == EntryKind::value ? "value" : "removal";
}

const char* compression_of(const TableBlock& block) {
  return block.trailer.compression == BlockCompression::lz4 ? "lz4" : "none";
}

}  // namespace

std::string line_of(const std::string& path, const TableBlock& block, const TableLineForm& form) {
  if (!form.json)
    return escaped(path) + "\t" + std::to_string(block.handle.offset) + "\t" +
           to_string(block.part) + "\t" + std::to_string(block.handle.payload_bytes) + "\t" +
           std::to_string(block.trailer.raw_bytes) + "\t" + compression_of(block) + "\t" +
           std::to_string(block.entries) + "\n";
  return JsonLine()
      .bytes("file", path)
      .number("offset", block.handle.offset)
      .text("part", to_string(block.part))
      .number("bytes", block.handle.payload_bytes)
      .number("raw_bytes", block.trailer.raw_bytes)
      .text("compression", compression_of(block))
      .number("entries", block.entries)
      .line();
}

std::string line_of(const std::string& path, const Entry& entry, uint64_t block_offset,
                    const TableLineForm& form) {
  if (!form.json) {
    std::string line = escaped(path) + "\t" + std::to_string(block_offset) + "\t" +
                       escaped(entry.key) + "\t" + std::to_string(entry.sequence) + "\t" +
                       kind_of(entry) + "\t" + std::to_string(entry.value.size());
    if (form.values) line += "\t" + escaped(entry.value);
    return line + "\n";
  }
  JsonLine line;
  line.bytes("file", path).number("offset", block_offset).bytes("key", entry.key);
  line.number("sequence", entry.sequence).text("kind", kind_of(entry));
  line.number("value_bytes", entry.value.size());
  if (form.values) line.bytes("value", entry.value);
  return line.line();
}

std::string line_of_table(const Finding& finding, bool json) {
  if (!json) return escaped(to_text(finding)) + "\n";
  return JsonLine()
      .bytes("file", finding.file)
      .number("offset", finding.offset)
      .text("what", finding.what)
      .line();
}

std::string verdict_line(const std::string& path, const TableTally& tally, bool json) {
  if (json)
    return JsonLine()
        .bytes("file", path)
        .number("findings", tally.findings)
        .number("blocks", tally.blocks)
        .number("entries", tally.entries)
        .line();
  return escaped(path) + ": " +
         (tally.findings == 0 ? "sound" : "findings " + std::to_string(tally.findings)) +
         "; blocks " + std::to_string(tally.blocks) + ", entries " + std::to_string(tally.entries) +
         "\n";
}

void TableSummary::add(const TableFooter& footer) {
  add_number("version", footer.version);
  // As text: many readers of JSON know no integers above 2^53.
  const std::string salt = std::to_string(footer.salt);
  json_.text("salt", salt);
  add_row("salt", salt);
  has_sections_ = footer.version >= kTableVersionOfSections;
  if (!has_sections_) add_place("filter", footer.filter);
  add_place("index", footer.index);
  add_place("properties", footer.properties);
}

void TableSummary::add_filter(BytesView filter) {
  const auto shape = bloom_shape(filter);
  ++filters_;
  filter_probes_ = shape ? shape->probes : 0;
  filter_lines_ += shape ? shape->lines : 0;
}

void TableSummary::add(const TableBlock& block) {
  if (block.part == TablePart::index) sections_ = block.entries;
}

void TableSummary::finish(uint64_t entries) {
  if (has_sections_) add_number("sections", sections_);
  if (filters_ > 0) {
    add_number("filter_probes", filter_probes_);
    add_number("filter_lines", filter_lines_);
  }
  add_number("data_entries", entries);
}

void TableSummary::add_property(BytesView name, BytesView value) {
  const std::string shown = "property_" + escaped(name);
  json_.bytes(shown, value);
  add_row(shown, escaped(value));
}

void TableSummary::add_row(const std::string& name, const std::string& value) {
  rows_ += escaped(path_) + "\t" + name + "\t" + value + "\n";
}

void TableSummary::add_number(const std::string& name, uint64_t value) {
  json_.number(name, value);
  add_row(name, std::to_string(value));
}

void TableSummary::add_place(const std::string& name, BlockHandle handle) {
  add_number(name + "_offset", handle.offset);
  add_number(name + "_bytes", handle.payload_bytes);
}

}  // namespace kv
