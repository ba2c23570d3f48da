// An open SSTable: where its sections are. A section's own index and filter are read when they are
// asked for (load()); whoever keeps sections in memory decides which (levels/table_cache.h).
//
//   top index ─▶ section (index, filter) ─▶ data block
//
// A table of a version before 3 is one section.
//
// Any thread may read. Iterators are one thread's and hold the reader.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libkv/storage/table/table_section.h"

namespace kv {

using SectionPtr = std::shared_ptr<const TableSection>;

class SstableReader : public std::enable_shared_from_this<SstableReader> {
 public:
  struct Options {
    OpenMode mode = OpenMode::read;
    std::shared_ptr<MemoryBudget> budget = nullptr;  ///< Indexes and filters are claimed of it.
  };
  /// `cache` and `counters` outlive it. Errors: corrupt (footer or top index, or it is not the
  /// table that `info` speaks of), format, io.
  static Result<std::shared_ptr<SstableReader>> open(FileSystem& files, const std::string& path,
                                                     const TableInfo& info, BlockCache& cache,
                                                     ReadCounters& counters,
                                                     const Options& options);

  /// How many open() took: footer, top index.
  uint64_t reads_to_open() const { return has_sections() ? 2 : 1; }
  size_t sections() const { return top_.blocks(); }
  /// The section that holds the first version of `key` at or below `at`, if any does.
  size_t section_for(BytesView key, Sequence at) const {
    return std::min(top_.find(key, at), sections() - 1);
  }
  /// Reads it anew. Errors: corrupt, format, io.
  Result<SectionPtr> load(size_t section) const;
  uint64_t reads_to_load() const { return has_sections() ? 1 : 2; }
  // Or in two steps, by a get that does not wait for it.
  /// The read that brings it. Null: there is no such way.
  std::shared_ptr<FileRead> read_of(size_t section) const;
  /// Null: too little was read, for whatever reason. The same errors.
  Result<SectionPtr> take_read(size_t section, const FileRead& read) const;
  /// By which the section is known among the blocks of all tables.
  BlockCache::Key name_of(size_t section) const { return blocks_->cache_key(top_.handle(section)); }

  /// The section, if it stays in memory as long as this, which holds it; else null. Without a lock.
  SectionPtr pinned(size_t section) const {
    return {SectionPtr(), pins_[section].section.load(std::memory_order_acquire)};
  }
  /// REQUIRES: one caller at a time; once for each section.
  void pin(size_t section, SectionPtr loaded) const;
  /// Of the sections that are. REQUIRES: as pin().
  uint64_t pinned_bytes() const { return pinned_bytes_; }

  /// Gives a walk the sections it comes to. `sought`: it was asked for a key there, and did not
  /// come from the one beside it.
  using SectionSource = std::function<Result<SectionPtr>(size_t section, bool sought)>;
  /// Without `sections` each is read anew.
  std::unique_ptr<EntryIterator> iterator(ReadMode mode, SectionSource sections = {}) const;

  /// Without sections.
  uint64_t memory_bytes() const { return claim_.bytes(); }
  const TableBlocks& blocks() const { return *blocks_; }

 private:
  struct Pin {
    SectionPtr holder;
    std::atomic<const TableSection*> section{nullptr};
  };
  explicit SstableReader(std::shared_ptr<MemoryBudget> budget)
      : budget_(std::move(budget)), claim_(budget_, MemoryHolder::indexes) {}
  Status load_top();
  Result<SectionPtr> parse(size_t section, BytesView block) const;
  Result<SectionPtr> parse(size_t section, BytesView filter, BytesView index) const;
  bool has_sections() const { return footer_.version >= kTableVersionOfSections; }

  const std::shared_ptr<MemoryBudget> budget_;
  std::shared_ptr<const TableBlocks> blocks_;
  TableFooter footer_;
  TableIndex top_;
  mutable std::vector<Pin> pins_;
  mutable uint64_t pinned_bytes_ = 0;
  MemoryClaim claim_;
};

}  // namespace kv
