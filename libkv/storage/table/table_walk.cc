#include "libkv/storage/table/table_walk.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "libkv/storage/table/block.h"
#include "libkv/storage/table/bloom_filter.h"

namespace kv {

const char* to_string(TablePart part) {
  switch (part) {
    case TablePart::data:
      return "data";
    case TablePart::section:
      return "section";
    case TablePart::filter:
      return "filter";
    case TablePart::index:
      return "index";
    case TablePart::properties:
      return "properties";
  }
  return "?";
}

namespace {

struct OpenedBlock {
  TableBlock told;
  BlockBytes bytes;
};

struct IndexEntry {
  std::string last_key;
  Sequence sequence = 0;
  BlockHandle handle;
};

}  // namespace

class TableWalker {
 public:
  TableWalker(std::unique_ptr<File> file, const std::string& path, TableVisitor& visitor)
      : file_(std::move(file)), path_(path), visitor_(visitor) {
    found_.sequence_min = kSequenceMax;
  }

  Result<bool> step(uint64_t bytes) {
    if (!std::exchange(begun_, true)) KV_TRY(begin());
    // What lies in few bytes may be many: both are work.
    const uint64_t raw_before = found_.raw_bytes;
    for (uint64_t read = 0; read < bytes && found_.raw_bytes - raw_before < bytes;) {
      if (next_ < index_.size()) {
        read += index_[next_].handle.payload_bytes;
        KV_TRY(walk_data(index_[next_++]));
        continue;
      }
      end_section();
      if (next_section_ == sections_.size()) {
        end();
        return true;
      }
      const BlockHandle handle = sections_[next_section_].handle;
      KV_TRY(begin_section(sections_[next_section_++]));
      read += std::max<uint64_t>({kept_.size(), std::min(handle.payload_bytes, footer_at_), 1});
    }
    return false;
  }
  const TableInfo& found() const { return found_; }

 private:
  Status begin() {
    KV_ASSIGN(found_.file_bytes, file_->size());
    KV_ASSIGN(footer_, read_footer());
    if (!footer_) return {};
    found_.salt = footer_->salt;
    visitor_.footer(*footer_);
    if (!has_sections()) KV_TRY(read_filter(footer_->filter));
    KV_TRY(read_index(footer_->index));
    return read_properties(footer_->properties);
  }
  bool has_sections() const { return footer_->version >= kTableVersionOfSections; }
  void end() {
    if (footer_) {
      // Without the index nobody knows where the blocks before it lie, nor where they end.
      const BlockHandle behind_data = has_sections() ? footer_->index : footer_->filter;
      if (!has_index_) expected_offset_ = std::min(behind_data.offset, footer_at_);
      if (!has_sections()) check_place(TablePart::filter, footer_->filter);
      check_place(TablePart::index, footer_->index);
      check_place(TablePart::properties, footer_->properties);
      check_end();
      check_properties();
    }
    if (found_.entries == 0) found_.sequence_min = 0;
  }

  void tell(std::optional<uint64_t> offset, std::string what) {
    ++findings_;
    visitor_.finding({Finding::Severity::corrupt, path_, offset, std::move(what)});
  }

  /// As many as there are. Nothing if the disk does not give them, which was told.
  Result<std::optional<std::string>> read_bytes(uint64_t offset, uint64_t wanted,
                                                const std::string& name) {
    std::string bytes(static_cast<size_t>(wanted), '\0');
    const auto read = file_->read_at(offset, bytes);
    if (!read && read.error().kind != ErrorKind::io) return fail(read.error());
    if (!read) {
      tell(offset, name + "it cannot be read: " + without_path(path_, read.error()));
      return std::optional<std::string>();
    }
    bytes.resize(*read);
    return std::optional<std::string>(std::move(bytes));
  }

  Result<std::optional<TableFooter>> read_footer() {
    const uint64_t footer_bytes = std::min<uint64_t>(found_.file_bytes, kTableFooterBytes);
    footer_at_ = found_.file_bytes - footer_bytes;
    KV_ASSIGN(const auto bytes, read_bytes(footer_at_, footer_bytes, "footer: "));
    if (!bytes) return std::optional<TableFooter>();
    const auto footer = decode_table_footer(*bytes);
    if (footer) return std::optional<TableFooter>(*footer);
    if (footer.error().kind != ErrorKind::corrupt)
      return fail(footer.error().kind, path_ + ": " + footer.error().what);
    tell(footer_at_, footer.error().what);
    return std::optional<TableFooter>();
  }

  /// Nothing if the block is not sound, which was told.
  Result<std::optional<OpenedBlock>> read_block(TablePart part, BlockHandle handle) {
    const std::string name = std::string(to_string(part)) + " block: ";
    if (handle.payload_bytes > kBlockBytesMax || handle.offset > footer_at_ ||
        handle.payload_bytes + kBlockTrailerBytes > footer_at_ - handle.offset) {
      tell(handle.offset, name + "it does not lie in the file");
      return std::optional<OpenedBlock>();
    }
    KV_ASSIGN(const auto stored,
              read_bytes(handle.offset, handle.payload_bytes + kBlockTrailerBytes, name));
    if (!stored) return std::optional<OpenedBlock>();
    auto bytes = open_stored_block(*stored, found_.salt, handle.offset);
    if (bytes) return OpenedBlock{{part, handle, trailer_of(*stored), 0}, std::move(*bytes)};
    if (bytes.error().kind != ErrorKind::corrupt)
      return fail(bytes.error().kind,
                  path_ + ": offset " + std::to_string(handle.offset) + ": " + bytes.error().what);
    tell(handle.offset, name + bytes.error().what);
    return std::optional<OpenedBlock>();
  }

  Status read_filter(BlockHandle handle) {
    KV_ASSIGN(auto block, read_block(TablePart::filter, handle));
    if (!block) return {};
    kept_ = std::move(block->bytes);
    take_filter(kept_.view());
    visitor_.block(block->told);
    return {};
  }
  void take_filter(BytesView filter) {
    filter_ = filter;
    visitor_.filter(filter);
  }

  /// Of all data, or of the sections.
  Status read_index(BlockHandle handle) {
    KV_ASSIGN(auto block, read_block(TablePart::index, handle));
    if (!block) return {};
    auto& entries = has_sections() ? sections_ : index_;
    has_index_ = take_index(TablePart::index, handle.offset, block->bytes.view(), entries);
    block->told.entries = entries.size();
    visitor_.block(block->told);
    return {};
  }

  /// The entries of an index, which is the block of `part` at `offset` or lies in it. False: it is
  /// not sound, which was told.
  bool take_index(TablePart part, uint64_t offset, BytesView bytes, std::vector<IndexEntry>& to) {
    const std::string name = std::string(to_string(part)) + " block: ";
    const uint64_t findings_before = findings_;
    BlockIterator entries(std::make_shared<const Block>(bytes));
    for (entries.seek_to_first(); entries.valid(); entries.next()) {
      const Entry& entry = entries.entry();
      const auto at = decode_block_handle(entry.value);
      const bool ascends = to.empty() || compare_entries(to.back().last_key, to.back().sequence,
                                                         entry.key, entry.sequence) < 0;
      if (!at) tell(offset, name + at.error().what);
      if (!ascends) tell(offset, name + "its keys are out of order");
      if (at && ascends) to.push_back({std::string(entry.key), entry.sequence, *at});
    }
    if (!entries.status()) tell(offset, name + "it does not parse");
    return findings_ == findings_before;
  }

  Status begin_section(const IndexEntry& section) {
    index_.clear();
    next_ = 0;
    filter_ = {};
    kept_ = {};
    const BlockHandle handle = section.handle;
    // What lies in or before another one would be read again and again for a hostile index.
    if (handle.offset < expected_offset_) {
      tell(handle.offset, "section block: it does not lie behind the section before it");
      return {};
    }
    section_ = handle;
    KV_ASSIGN(auto block, read_block(TablePart::section, handle));
    if (block) {
      kept_ = std::move(block->bytes);
      if (!take_section(section)) index_.clear();
      block->told.entries = index_.size();
      visitor_.block(block->told);
    }
    // Without its index nobody knows where its data lies.
    if (index_.empty()) expected_offset_ = std::min(handle.offset, footer_at_);
    return {};
  }

  /// False: the block that was kept is not a sound section's, which was told.
  bool take_section(const IndexEntry& section) {
    const uint64_t offset = section.handle.offset;
    const auto parts = split_section_block(kept_.view());
    if (!parts) {
      tell(offset, "section block: " + parts.error().what);
      return false;
    }
    take_filter(parts->filter);
    if (!take_index(TablePart::section, offset, parts->index, index_)) return false;
    const bool ends_as_indexed = !index_.empty() && index_.back().last_key == section.last_key &&
                                 index_.back().sequence == section.sequence;
    if (!ends_as_indexed) tell(offset, "section block: it does not end where the index says");
    return ends_as_indexed;
  }

  /// Its block lies behind its data.
  void end_section() {
    if (const auto section = std::exchange(section_, std::nullopt))
      check_place(TablePart::section, *section);
  }

  Status read_properties(BlockHandle handle) {
    properties_at_ = handle.offset;
    KV_ASSIGN(auto block, read_block(TablePart::properties, handle));
    if (!block) return {};
    BlockIterator entries(std::make_shared<const Block>(std::move(block->bytes)));
    for (entries.seek_to_first(); entries.valid(); entries.next(), ++block->told.entries) {
      const Entry& entry = entries.entry();
      properties_[std::string(entry.key)] = entry.value;
      visitor_.property(entry.key, entry.value);
    }
    if (!entries.status()) tell(handle.offset, "properties block: it does not parse");
    visitor_.block(block->told);
    return {};
  }

  /// Blocks lie one behind the other, so that no byte of the file is outside of all checksums.
  bool check_place(TablePart part, BlockHandle handle) {
    const bool in_place = handle.offset == expected_offset_;
    if (!in_place)
      tell(handle.offset, std::string(to_string(part)) + " block: it should begin at offset " +
                              std::to_string(expected_offset_));
    expected_offset_ = std::max(expected_offset_, std::min(handle.offset, footer_at_) +
                                                      std::min(handle.payload_bytes, footer_at_) +
                                                      kBlockTrailerBytes);
    return in_place;
  }
  void check_end() {
    if (expected_offset_ != footer_at_)
      tell(expected_offset_, "bytes that belong to no block before the footer");
  }

  Status walk_data(const IndexEntry& at) {
    // What overlaps another block would be read again and again for a hostile index.
    if (!check_place(TablePart::data, at.handle)) return {};
    KV_ASSIGN(auto opened, read_block(TablePart::data, at.handle));
    if (!opened) return {};
    const auto block = std::make_shared<const Block>(std::move(opened->bytes));
    BlockIterator entries(block);
    for (entries.seek_to_first(); entries.valid(); entries.next(), ++opened->told.entries)
      take_entry(*block, entries.entry(), at.handle.offset);
    if (!entries.status()) tell(at.handle.offset, "data block: it does not parse");
    const bool ends_as_indexed = found_.last_key == at.last_key && last_sequence_ == at.sequence;
    if (entries.status() && !ends_as_indexed)
      tell(at.handle.offset, "data block: it does not end where the index says");
    visitor_.block(opened->told);
    return {};
  }

  void take_entry(const Block& block, const Entry& entry, uint64_t offset) {
    const bool ascends = found_.entries == 0 || compare_entries(found_.last_key, last_sequence_,
                                                                entry.key, entry.sequence) < 0;
    if (!ascends) tell(offset, "data block: an entry is out of order");
    if (entry.sequence == 0) tell(offset, "data block: an entry has no sequence");
    const uint64_t hash = key_hash(entry.key);
    if (!filter_.empty() && !bloom_may_contain(filter_, hash))
      tell(offset, "data block: the filter denies a key");
    bool corrupt = false;
    const auto found = block.find(entry.key, hash, entry.sequence, &corrupt);
    if (!found || found->value.data() != entry.value.data())
      tell(offset, "data block: its search does not find an entry");
    count(entry);
    visitor_.entry(entry, offset);
  }

  void count(const Entry& entry) {
    if (found_.entries++ == 0) found_.first_key = entry.key;
    found_.last_key = entry.key;
    last_sequence_ = entry.sequence;
    if (entry.kind == EntryKind::removal) ++found_.removals;
    found_.raw_bytes += entry.key.size() + entry.value.size();
    found_.sequence_min = std::min(found_.sequence_min, entry.sequence);
    found_.sequence_max = std::max(found_.sequence_max, entry.sequence);
  }

  /// Only of a table that is sound otherwise: else a difference says nothing new.
  void check_properties() {
    if (findings_ > 0) return;
    const std::map<std::string, std::string> expected = {
        {"checksum", "xxh3-64"},
        {"entries", std::to_string(found_.entries)},
        {"first_key", found_.first_key},
        {"index", has_sections() ? "two-level" : "one-level"},
        {"last_key", found_.last_key},
        {"raw_bytes", std::to_string(found_.raw_bytes)},
        {"removals", std::to_string(found_.removals)},
        {"sequence_max", std::to_string(found_.sequence_max)},
        {"sequence_min", std::to_string(found_.sequence_min)},
    };
    for (const auto& [name, value] : expected) {
      const auto written = properties_.find(name);
      if (written == properties_.end() || written->second != value)
        tell(properties_at_, "properties block: " + name + " is not that of the entries");
    }
    const std::string& created = properties_["created_us"];
    std::from_chars(created.data(), created.data() + created.size(), found_.created_us);
  }

  const std::unique_ptr<File> file_;
  const std::string path_;
  TableVisitor& visitor_;
  TableInfo found_;
  Sequence last_sequence_ = 0;
  uint64_t footer_at_ = 0;
  uint64_t properties_at_ = 0;
  uint64_t expected_offset_ = 0;  // Where the next block must begin.
  std::optional<TableFooter> footer_;
  bool has_index_ = false;  // It is sound.
  std::vector<IndexEntry> sections_;
  bool begun_ = false;
  size_t next_section_ = 0;
  // Of the section that is being walked, or of the whole table.
  std::optional<BlockHandle> section_;
  BlockBytes kept_;  // The filter lies in it.
  BytesView filter_;
  std::vector<IndexEntry> index_;
  size_t next_ = 0;
  std::map<std::string, std::string> properties_;
  uint64_t findings_ = 0;
};

TableWalk::TableWalk(std::unique_ptr<TableWalker> walker) : walker_(std::move(walker)) {}
TableWalk::TableWalk(TableWalk&&) noexcept = default;
TableWalk& TableWalk::operator=(TableWalk&&) noexcept = default;
TableWalk::~TableWalk() = default;

Result<TableWalk> TableWalk::open(FileSystem& files, const std::string& path,
                                  TableVisitor& visitor) {
  KV_ASSIGN(auto file, files.open(path, OpenMode::read));
  return TableWalk(std::make_unique<TableWalker>(std::move(file), path, visitor));
}

Result<bool> TableWalk::step(uint64_t bytes) {
  return walker_->step(bytes);
}

const TableInfo& TableWalk::found() const {
  return walker_->found();
}

Result<TableInfo> walk_table(FileSystem& files, const std::string& path, TableVisitor& visitor) {
  KV_ASSIGN(TableWalk walk, TableWalk::open(files, path, visitor));
  for (bool is_over = false; !is_over;) {
    KV_ASSIGN(is_over, walk.step(kBlockBytesMax));
  }
  return walk.found();
}

}  // namespace kv
