#include "libkv/storage/table/sstable_reader.h"

#include "libkv/base/planted.h"
#include "libkv/storage/table/block_builder.h"
#include "libkv/storage/table/given_sequence.h"
#include "libkv/storage/table/sstable_iterator.h"

namespace kv {

namespace {

Result<TableFooter> read_footer(File& file, const std::string& path, const TableInfo& info) {
  KV_ASSIGN(const uint64_t size, file.size());
  if (size != info.file_bytes || size < kTableFooterBytes)
    return fail(ErrorKind::corrupt, path + ": " + std::to_string(size) + " bytes instead of " +
                                        std::to_string(info.file_bytes));
  std::string bytes(kTableFooterBytes, '\0');
  const uint64_t offset = size - kTableFooterBytes;
  const auto read = file.read_at(offset, bytes);
  if (!read) return fail(unreadable(path, offset, read.error()));
  bytes.resize(*read);
  auto footer = decode_table_footer(bytes);
  if (!footer) return fail(footer.error().kind, path + ": " + footer.error().what);
  if (footer->salt != info.salt && !KV_PLANTED(take_any_table))
    return fail(ErrorKind::corrupt, path + ": another table than the manifest names");
  return footer;
}

/// The top index of a table that is one section, whose handle is `index`: all keys are there.
std::string top_of_one(BlockHandle index) {
  BlockBuilder top;
  top.add({"", 0, EntryKind::value, encode_block_handle(index)});
  return top.finish();
}

}  // namespace

Result<std::shared_ptr<SstableReader>> SstableReader::open(FileSystem& files,
                                                           const std::string& path,
                                                           const TableInfo& info, BlockCache& cache,
                                                           ReadCounters& counters,
                                                           const Options& options) {
  auto file = files.open(path, options.mode);
  if (!file && file.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::corrupt, path + ": the file is missing");
  if (!file) return fail(std::move(file).error());
  std::shared_ptr<SstableReader> reader(new SstableReader(options.budget));
  KV_ASSIGN(reader->footer_, read_footer(**file, path, info));
  TableBlocks::Origin origin{std::move(*file), path, info.number, reader->footer_.salt,
                             info.given_sequence};
  if (KV_PLANTED(forget_given_sequence)) origin.given_sequence = 0;
  reader->blocks_ = std::make_shared<const TableBlocks>(std::move(origin), cache, counters);
  KV_TRY(reader->load_top());
  counters.tables_opened.fetch_add(1, std::memory_order_relaxed);
  counters.disk_reads.fetch_add(1, std::memory_order_relaxed);
  counters.disk_read_bytes.fetch_add(kTableFooterBytes, std::memory_order_relaxed);
  return reader;
}

Status SstableReader::load_top() {
  std::shared_ptr<const Block> block;
  if (has_sections()) {
    KV_ASSIGN(BlockBytes bytes, blocks_->read_meta_block(footer_.index));
    block = std::make_shared<const Block>(std::move(bytes));
  } else {
    block = std::make_shared<const Block>(BytesView(top_of_one(footer_.index)));
  }
  auto top = TableIndex::parse(std::move(block));
  if (top && top->blocks() == 0) top = fail(ErrorKind::corrupt, "the table has no sections");
  if (!top) return fail(blocks_->located(top.error(), footer_.index));
  top_ = std::move(*top);
  pins_ = std::vector<Pin>(sections());
  claim_.grow(top_.memory_bytes() + pins_.size() * sizeof(Pin));
  return {};
}

Result<SectionPtr> SstableReader::load(size_t section) const {
  const BlockHandle handle = top_.handle(section);
  KV_ASSIGN(const BlockBytes bytes, blocks_->read_meta_block(handle));
  if (has_sections()) return parse(section, bytes.view());
  KV_ASSIGN(const BlockBytes filter, blocks_->read_meta_block(footer_.filter));
  return parse(section, filter.view(), bytes.view());
}

Result<SectionPtr> SstableReader::parse(size_t section, BytesView block) const {
  const auto parts = split_section_block(block);
  if (!parts) return fail(blocks_->located(parts.error(), top_.handle(section)));
  return parse(section, parts->filter, parts->index);
}

Result<SectionPtr> SstableReader::parse(size_t section, BytesView filter, BytesView index) const {
  auto parsed = TableSection::parse(blocks_, filter, index, budget_);
  if (!parsed) return fail(blocks_->located(parsed.error(), top_.handle(section)));
  return parsed;
}

std::shared_ptr<FileRead> SstableReader::read_of(size_t section) const {
  return has_sections() ? blocks_->read_of(top_.handle(section)) : nullptr;
}

Result<SectionPtr> SstableReader::take_read(size_t section, const FileRead& read) const {
  KV_ASSIGN(const auto bytes, blocks_->take_meta_block(top_.handle(section), read));
  if (!bytes) return nullptr;
  return parse(section, bytes->view());
}

void SstableReader::pin(size_t section, SectionPtr loaded) const {
  Pin& pin = pins_[section];
  pin.holder = std::move(loaded);
  pinned_bytes_ += pin.holder->memory_bytes();
  pin.section.store(pin.holder.get(), std::memory_order_release);
}

std::unique_ptr<EntryIterator> SstableReader::iterator(ReadMode mode,
                                                       SectionSource sections) const {
  auto entries = std::make_unique<SstableIterator>(shared_from_this(), mode, std::move(sections));
  const Sequence given = blocks_->given_sequence();
  if (given == 0) return entries;
  return std::make_unique<GivenSequenceIterator>(std::move(entries), given);
}

}  // namespace kv
