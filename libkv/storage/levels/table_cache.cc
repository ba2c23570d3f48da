#include "libkv/storage/levels/table_cache.h"

#include "libkv/base/planted.h"

namespace kv {

namespace {

/// The TableFile holds it.
std::shared_ptr<const SstableReader> pinned(const TableFile& table) {
  return {std::shared_ptr<const SstableReader>(), table.pinned()};
}

}  // namespace

struct TableCache::Pin {
  Pin(std::shared_ptr<Pins> all, ReaderPtr table) : pins(std::move(all)), reader(std::move(table)) {
    pins->tables.fetch_add(1, std::memory_order_relaxed);
    pins->bytes.fetch_add(reader->memory_bytes(), std::memory_order_relaxed);
  }
  ~Pin() {
    pins->tables.fetch_sub(1, std::memory_order_relaxed);
    pins->bytes.fetch_sub(reader->memory_bytes() + reader->pinned_bytes(),
                          std::memory_order_relaxed);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  const std::shared_ptr<Pins> pins;
  const ReaderPtr reader;
};

SectionPtr TableCache::find(const TableFile& table, BytesView key, Sequence at) {
  const ReaderPtr reader = find_table(table);
  if (reader == nullptr) return nullptr;
  return find_section(table, *reader, reader->section_for(key, at));
}

Result<SectionPtr> TableCache::open(const TableFile& table, BytesView key, Sequence at,
                                    uint64_t* reads) {
  KV_ASSIGN(const ReaderPtr reader, open_table(table, reads));
  return open_section(table, *reader, reader->section_for(key, at), true, reads);
}

std::optional<TableCache::Place> TableCache::place_of(const TableFile& table, BytesView key,
                                                      Sequence at) {
  ReaderPtr reader = find_table(table);
  if (reader == nullptr) return std::nullopt;
  const size_t section = reader->section_for(key, at);
  return Place{std::move(reader), section};
}

Result<SectionPtr> TableCache::take_read(const TableFile& table, const Place& place,
                                         const FileRead& read) {
  KV_ASSIGN(SectionPtr section, place.reader->take_read(place.section, read));
  if (section == nullptr) return section;
  keep(table, *place.reader, place.section, section);
  balance();
  return section;
}

Status TableCache::open(const TableFile& table) {
  uint64_t reads = 0;
  KV_ASSIGN(const ReaderPtr reader, open_table(table, &reads));
  return {};
}

// A walk keeps the sections where it was asked for a key, and passes through the others: a walk
// over all pushes out nothing.
Result<std::unique_ptr<EntryIterator>> TableCache::iterate(const TableFile& table, ReadMode mode) {
  uint64_t reads = 0;
  KV_ASSIGN(const ReaderPtr reader, open_table(table, &reads));
  return reader->iterator(mode, [this, &table, reader, mode](size_t section, bool sought) {
    uint64_t reads_of_section = 0;
    const bool is_kept = (sought && mode != ReadMode::bypass_cache) || KV_PLANTED(walks_push_out);
    return open_section(table, *reader, section, is_kept, &reads_of_section);
  });
}

TableCache::ReaderPtr TableCache::find_table(const TableFile& table) {
  if (ReaderPtr found = pinned(table)) return found;
  const std::lock_guard lock(mutex_);
  const auto found = table_by_number_.find(table.info().number);
  if (found == table_by_number_.end()) return pinned(table);
  tables_.splice(tables_.begin(), tables_, found->second);
  return found->second->reader;
}

Result<TableCache::ReaderPtr> TableCache::open_table(const TableFile& table, uint64_t* reads) {
  if (ReaderPtr found = find_table(table)) return found;
  const TableInfo& info = table.info();
  const OpenMode mode = options_.direct_reads ? OpenMode::read_direct : OpenMode::read;
  KV_ASSIGN(const ReaderPtr reader, SstableReader::open(files_, path_of(info.number), info, blocks_,
                                                        counters_, {mode, budget_}));
  *reads += reader->reads_to_open();
  keep(table, reader);
  balance();
  return reader;
}

SectionPtr TableCache::find_section(const TableFile& table, const SstableReader& reader,
                                    size_t section) {
  if (SectionPtr found = reader.pinned(section)) return found;
  const std::lock_guard lock(mutex_);
  const auto found = section_by_name_.find({table.info().number, section});
  if (found == section_by_name_.end()) return reader.pinned(section);
  sections_.splice(sections_.begin(), sections_, found->second);
  return found->second->section;
}

Result<SectionPtr> TableCache::open_section(const TableFile& table, const SstableReader& reader,
                                            size_t section, bool is_kept, uint64_t* reads) {
  if (SectionPtr found = find_section(table, reader, section)) return found;
  KV_ASSIGN(SectionPtr loaded, reader.load(section));
  *reads += reader.reads_to_load();
  if (is_kept) keep(table, reader, section, loaded);
  balance();
  return loaded;
}

void TableCache::keep(const TableFile& table, const ReaderPtr& reader) {
  const uint64_t number = table.info().number;
  Gone gone;  // Ends after the lock does.
  const std::lock_guard lock(mutex_);
  // Another thread may have been faster; then its reader stays and this one goes with its user.
  if (table.pinned() != nullptr || table_by_number_.count(number) != 0) return;
  if (pins_->tables.load() < options_.open_tables_max / 2 && may_pin(reader->memory_bytes())) {
    table.pin(reader.get(), std::make_shared<const Pin>(pins_, reader));
  } else {
    tables_.push_front({number, reader});
    table_by_number_[number] = tables_.begin();
    listed_bytes_ += reader->memory_bytes();
  }
  make_room(gone);
}

// What is pinned stays as long as its table does: only in one that is pinned, too. Of a table that
// has been closed meanwhile nothing is kept: a section keeps its file open.
void TableCache::keep(const TableFile& table, const SstableReader& reader, size_t number,
                      const SectionPtr& section) {
  const SectionName name{table.info().number, number};
  Gone gone;  // Ends after the lock does.
  const std::lock_guard lock(mutex_);
  if (reader.pinned(number) != nullptr || section_by_name_.count(name) != 0) return;
  const bool is_pinned = table.pinned() == &reader;
  const auto listed = table_by_number_.find(name.table);
  if (!is_pinned && (listed == table_by_number_.end() || listed->second->reader.get() != &reader))
    return;
  if (is_pinned && may_pin(section->memory_bytes())) {
    reader.pin(number, section);
    pins_->bytes.fetch_add(section->memory_bytes(), std::memory_order_relaxed);
  } else {
    sections_.push_front({name, section});
    section_by_name_[name] = sections_.begin();
    listed_bytes_ += section->memory_bytes();
  }
  make_room(gone);
}

bool TableCache::may_pin(uint64_t bytes) const {
  return pins_->bytes.load() + bytes <= budget_->tables_max() / 2;
}

bool TableCache::has_too_many() const {
  return tables_.size() + pins_->tables.load() > options_.open_tables_max &&
         !KV_PLANTED(open_any_number);
}

bool TableCache::has_too_much() const {
  return listed_bytes_ + pins_->bytes.load() > budget_->tables_max() && !KV_PLANTED(close_no_table);
}

// The newest ones stay, whatever their size: somebody is about to read them.
void TableCache::make_room(Gone& gone) {
  while (tables_.size() > 1 && has_too_many()) remove_table(std::prev(tables_.end()), gone);
  while (sections_.size() > 1 && has_too_much()) remove_section(std::prev(sections_.end()), gone);
  while (tables_.size() > 1 && has_too_much()) remove_table(std::prev(tables_.end()), gone);
}

void TableCache::remove_table(std::list<OpenTable>::iterator table, Gone& gone) {
  remove_sections_of(table->number, gone);
  listed_bytes_ -= table->reader->memory_bytes();
  table_by_number_.erase(table->number);
  gone.tables.splice(gone.tables.begin(), tables_, table);
}

void TableCache::remove_section(std::list<KeptSection>::iterator section, Gone& gone) {
  listed_bytes_ -= section->section->memory_bytes();
  section_by_name_.erase(section->name);
  gone.sections.splice(gone.sections.begin(), sections_, section);
}

void TableCache::remove_sections_of(uint64_t number, Gone& gone) {
  for (auto next = section_by_name_.lower_bound({number, 0});
       next != section_by_name_.end() && next->first.table == number;)
    remove_section((next++)->second, gone);
}

void TableCache::forget(uint64_t number) {
  Gone gone;  // Ends after the lock does.
  const std::lock_guard lock(mutex_);
  remove_sections_of(number, gone);
  const auto found = table_by_number_.find(number);
  if (found != table_by_number_.end()) remove_table(found->second, gone);
}

void TableCache::balance() {
  if (blocks_.capacity_bytes() == BlockCache::capacity_for(budget_->cache_max())) return;
  const std::lock_guard lock(balance_mutex_);
  blocks_.resize(budget_->cache_max());
}

size_t TableCache::open_tables() {
  const std::lock_guard lock(mutex_);
  return tables_.size() + pins_->tables.load();
}

}  // namespace kv
