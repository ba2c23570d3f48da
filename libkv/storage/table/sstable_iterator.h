// A walk over an SSTable: along its sections, inside one along its data blocks, inside one along
// its entries. One thread's.
#pragma once

#include <memory>
#include <optional>

#include "libkv/storage/table/sstable_reader.h"

namespace kv {

class SstableIterator final : public EntryIterator {
 public:
  /// Without `sections` each section is read anew.
  SstableIterator(std::shared_ptr<const SstableReader> table, ReadMode mode,
                  SstableReader::SectionSource sections)
      : table_(std::move(table)), mode_(mode), sections_(std::move(sections)) {}

  Status status() const override { return status_; }
  void seek(BytesView key, Sequence sequence) override;
  void seek_to_first() override;
  void seek_before(BytesView key) override;
  void seek_to_last() override;
  void next() override;
  void prev() override;
  bool pass_over() override;

 private:
  bool open_section(size_t number, bool sought);
  bool step();
  bool open_block();
  void enter_block();
  bool is_sound();
  void skip();

  const std::shared_ptr<const SstableReader> table_;
  const ReadMode mode_;
  const SstableReader::SectionSource sections_;
  size_t number_ = 0;   // Of the section; one before the first wraps round to behind the last.
  SectionPtr section_;  // Null: there is none, or it could not be read.
  size_t block_ = 0;    // Of the section.
  std::optional<BlockIterator> data_;
  bool backward_ = false;
  Status status_;
};

}  // namespace kv
