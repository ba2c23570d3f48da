#include "libkv/storage/table/sstable_reader.h"

#include <optional>

#include "libkv/base/planted.h"
#include "libkv/storage/table/given_sequence.h"

namespace kv {

void ReadCounters::add(const LookupCounts& counts) {
  const auto add = [](std::atomic<uint64_t>& to, uint64_t count) {
    if (count > 0) to.fetch_add(count, std::memory_order_relaxed);
  };
  add(cache_hits, counts.cache_hits);
  add(bloom_checks, counts.bloom_checks);
  add(bloom_negatives, counts.bloom_negatives);
  add(bloom_false_positives, counts.bloom_false_positives);
}

Result<std::shared_ptr<SstableReader>> SstableReader::open(FileSystem& files,
                                                           const std::string& path,
                                                           const TableInfo& info, BlockCache& cache,
                                                           ReadCounters& counters,
                                                           const Options& options) {
  std::shared_ptr<SstableReader> reader(new SstableReader(cache, counters, options));
  reader->path_ = path;
  reader->number_ = info.number;
  auto file = files.open(path, options.mode);
  if (!file && file.error().kind == ErrorKind::not_found)
    return fail(ErrorKind::corrupt, path + ": the file is missing");
  if (!file) return fail(std::move(file).error());
  reader->file_ = std::move(*file);
  KV_TRY(reader->load(info));
  return reader;
}

Status SstableReader::load(const TableInfo& info) {
  KV_ASSIGN(const uint64_t size, file_->size());
  if (size != info.file_bytes || size < kTableFooterBytes)
    return fail(ErrorKind::corrupt, path_ + ": " + std::to_string(size) + " bytes instead of " +
                                        std::to_string(info.file_bytes));
  std::string bytes(kTableFooterBytes, '\0');
  const uint64_t offset = size - kTableFooterBytes;
  const auto read = file_->read_at(offset, bytes);
  if (!read) return fail(unreadable(path_, offset, read.error()));
  bytes.resize(*read);
  auto footer = decode_table_footer(bytes);
  if (!footer) return fail(located(footer.error()));
  if (footer->salt != info.salt && !KV_PLANTED(take_any_table))
    return fail(ErrorKind::corrupt, path_ + ": another table than the manifest names");
  salt_ = footer->salt;
  given_sequence_ = KV_PLANTED(forget_given_sequence) ? 0 : info.given_sequence;
  KV_ASSIGN(const BlockBytes filter, read_stored_block(*file_, path_, footer->filter, salt_));
  filter_ = BloomFilter(filter.view());
  KV_ASSIGN(BlockBytes bytes_of_index, read_stored_block(*file_, path_, footer->index, salt_));
  auto index = TableIndex::parse(std::make_shared<const Block>(std::move(bytes_of_index)));
  if (!index) return fail(located(index.error()));
  index_ = std::move(*index);
  filter_claim_.grow(filter_.memory_bytes());
  index_claim_.grow(index_.memory_bytes());
  counters_.tables_opened.fetch_add(1, std::memory_order_relaxed);
  count_reads(kReadsToOpenTable, kTableFooterBytes + footer->filter.payload_bytes +
                                     footer->index.payload_bytes + 2 * kBlockTrailerBytes);
  return {};
}

Error SstableReader::located(const Error& error) const {
  return {error.kind, path_ + ": " + error.what};
}

Result<SstableReader::BlockRead> SstableReader::read_block(BlockHandle handle,
                                                           ReadMode mode) const {
  const BlockCache::Key key{number_, handle.offset};
  if (mode != ReadMode::bypass_cache) {
    if (auto cached = cache_.find(key)) return BlockRead{std::move(cached), false, true};
  }
  KV_ASSIGN(auto block, read_from_file(handle, mode));
  if (block == nullptr) return BlockRead{};
  if (mode != ReadMode::bypass_cache)
    keep(key, block,
         mode == ReadMode::cached_only ? BlockCache::Source::page_cache : BlockCache::Source::disk);
  return BlockRead{std::move(block), mode != ReadMode::cached_only};
}

Result<std::shared_ptr<const Block>> SstableReader::read_from_file(BlockHandle handle,
                                                                   ReadMode mode) const {
  std::shared_ptr<const Block> block;
  if (mode != ReadMode::cached_only) {
    KV_ASSIGN(BlockBytes bytes, read_stored_block(*file_, path_, handle, salt_));
    block = std::make_shared<const Block>(std::move(bytes));
    if (mode != ReadMode::bypass_cache) count_reads(1, handle.payload_bytes + kBlockTrailerBytes);
  } else if (handle.payload_bytes <= kReadAtOnceBytesMax) {
    KV_ASSIGN(auto bytes, read_cached_block(*file_, path_, handle, salt_));
    if (bytes) block = std::make_shared<const Block>(std::move(*bytes));
  }
  return block;
}

void SstableReader::keep(BlockCache::Key key, const std::shared_ptr<const Block>& block,
                         BlockCache::Source source) const {
  counters_.cache_misses.fetch_add(1, std::memory_order_relaxed);
  cache_.insert(key, block, source);
}

std::shared_ptr<FileRead> SstableReader::read_of(size_t block) const {
  const BlockHandle handle = index_.handle(block);
  if (handle.payload_bytes > kReadAtOnceBytesMax) return nullptr;
  auto read = std::make_shared<FileRead>();
  read->file = file_;
  read->offset = handle.offset;
  read->length = static_cast<size_t>(handle.payload_bytes) + kBlockTrailerBytes;
  return read;
}

Result<std::shared_ptr<const Block>> SstableReader::take_read(size_t block,
                                                              const FileRead& read) const {
  const BlockHandle handle = index_.handle(block);
  if (!read.bytes) return fail(unreadable(path_, handle.offset, read.bytes.error()));
  const uint64_t length = handle.payload_bytes + kBlockTrailerBytes;
  if (read.bytes->size() != length) return nullptr;
  KV_ASSIGN(BlockBytes bytes, open_read_block(read.bytes->view(), path_, handle, salt_));
  auto opened = std::make_shared<const Block>(std::move(bytes));
  count_reads(1, length);
  counters_.disk_reads_of_gets.fetch_add(1, std::memory_order_relaxed);
  keep(cache_key(block), opened, BlockCache::Source::disk);
  return opened;
}

void SstableReader::count_reads(uint64_t reads, uint64_t bytes) const {
  counters_.disk_reads.fetch_add(reads, std::memory_order_relaxed);
  counters_.disk_read_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void SstableReader::expect_filter(uint64_t key_hash) const {
  filter_.expect(key_hash);
}

bool SstableReader::may_hold(uint64_t key_hash, LookupCounts& counts) const {
  ++counts.bloom_checks;
  if (filter_.may_contain(key_hash)) return true;
  ++counts.bloom_negatives;
  return false;
}

void SstableReader::expect_block(size_t block) const {
  cache_.expect(cache_key(block));
}

Result<std::shared_ptr<const Block>> SstableReader::cached_block(size_t block,
                                                                 LookupCounts& counts) const {
  KV_ASSIGN(BlockRead read, read_block(index_.handle(block), ReadMode::cached_only));
  counts.cache_hits += read.from_cache;
  return std::move(read.block);
}

Result<TableLookup> SstableReader::find_in(const std::shared_ptr<const Block>& block,
                                           const TableKey& key, LookupCounts& counts) const {
  TableLookup lookup;
  bool corrupt = false;
  const auto entry = block->find(key.key, key.hash, key.at, &corrupt);
  if (corrupt) return fail(located({ErrorKind::corrupt, "a block does not parse"}));
  if (!entry) {
    ++counts.bloom_false_positives;
    return lookup;
  }
  lookup.outcome = TableLookup::Outcome::found;
  lookup.sequence = given_sequence_ == 0 ? entry->sequence : given_sequence_;
  lookup.kind = entry->kind;
  lookup.value = SharedBytes(block, entry->value);
  return lookup;
}

Result<TableLookup> SstableReader::find(const TableKey& key, ReadMode mode,
                                        LookupCounts& counts) const {
  TableLookup lookup;
  if (!may_hold(key.hash, counts)) return lookup;
  const size_t block = block_for(key.key, key.at);
  if (block == blocks()) {
    ++counts.bloom_false_positives;
    return lookup;
  }
  KV_ASSIGN(const BlockRead read, read_block(index_.handle(block), mode));
  counts.cache_hits += read.from_cache;
  if (read.block == nullptr) {
    lookup.outcome = TableLookup::Outcome::needs_disk;
    lookup.block = block;
    return lookup;
  }
  KV_ASSIGN(lookup, find_in(read.block, key, counts));
  lookup.from_disk = read.from_disk;
  return lookup;
}

/// Walks the index, and inside it the data block it points at.
class SstableIterator final : public EntryIterator {
 public:
  SstableIterator(std::shared_ptr<const SstableReader> reader, ReadMode mode)
      : reader_(std::move(reader)), mode_(mode), index_(reader_->index_) {}

  Status status() const override { return status_; }

  void seek(BytesView key, Sequence sequence) override {
    if (!status_) return;
    backward_ = false;
    block_ = index_.find(key, sequence);
    if (open_block()) data_->seek(key, sequence);
    skip_forward();
  }
  void seek_to_first() override {
    if (!status_) return;
    backward_ = false;
    block_ = 0;
    if (open_block()) data_->seek_to_first();
    skip_forward();
  }
  void seek_before(BytesView key) override {
    if (!status_) return;
    backward_ = true;
    block_ = index_.find(key, kNewest);
    // Behind the last block's last key: the last entry of all is the one.
    if (block_ >= index_.blocks()) return seek_to_last();
    if (open_block()) data_->seek_before(key);
    skip_backward();
  }
  void seek_to_last() override {
    if (!status_) return;
    backward_ = true;
    block_ = index_.blocks() - 1;
    if (open_block()) data_->seek_to_last();
    skip_backward();
  }
  void next() override {
    data_->next();
    if (!data_->valid()) skip_forward();
  }
  void prev() override {
    data_->prev();
    if (!data_->valid()) skip_backward();
  }
  bool pass_over() override {
    if (status_ || status_.error().kind != ErrorKind::corrupt) return false;
    status_ = {};
    step();
    if (open_block()) backward_ ? data_->seek_to_last() : data_->seek_to_first();
    backward_ ? skip_backward() : skip_forward();
    return true;
  }

 private:
  /// One before the first wraps round to one behind the last: both mean the end.
  void step() { backward_ ? --block_ : ++block_; }
  bool open_block() {
    data_.reset();
    if (block_ >= index_.blocks()) return false;
    auto read = reader_->read_block(index_.handle(block_), mode_);
    if (!read) {
      status_ = fail(read.error());
      return false;
    }
    reader_->counters_.add({.cache_hits = read->from_cache});
    data_.emplace(std::move(read->block));
    return true;
  }
  bool block_is_sound() {
    const Status status = data_->status();
    return status || refuse(status.error());
  }
  void skip_forward() {
    backward_ = false;
    while (data_ && block_is_sound() && !data_->valid()) {
      step();
      if (open_block()) data_->seek_to_first();
    }
    show();
  }
  void skip_backward() {
    backward_ = true;
    while (data_ && block_is_sound() && !data_->valid()) {
      step();
      if (open_block()) data_->seek_to_last();
    }
    show();
  }
  void show() { current_ = data_ && data_->valid() ? &data_->entry() : nullptr; }
  bool refuse(const Error& error) {
    status_ = fail(reader_->located(error));
    data_.reset();
    return false;
  }

  std::shared_ptr<const SstableReader> reader_;
  const ReadMode mode_;
  const TableIndex& index_;
  size_t block_ = 0;
  std::optional<BlockIterator> data_;
  bool backward_ = false;
  Status status_;
};

std::unique_ptr<EntryIterator> SstableReader::iterator(ReadMode mode) const {
  auto entries = std::make_unique<SstableIterator>(shared_from_this(), mode);
  if (given_sequence_ == 0) return entries;
  return std::make_unique<GivenSequenceIterator>(std::move(entries), given_sequence_);
}

}  // namespace kv
