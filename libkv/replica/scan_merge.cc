#include "libkv/replica/scan_merge.h"

#include <algorithm>
#include <utility>

#include "libkv/codec/record_codec.h"
#include "libkv/replica/stored_hint.h"

namespace kv {

namespace {

// What a record costs beside its key and values.
constexpr size_t kRecordOverheadBytes = 64;

BytesView name_of(const EngineIterator& iterator) {
  const auto parsed = parse_record_key(iterator.key());
  return parsed ? parsed->name : BytesView();
}

}  // namespace

void ScanMerge::add(Space space, Round round, std::unique_ptr<EngineIterator> iterator) {
  cursors_.push_back({space, round, std::move(iterator)});
}

bool ScanMerge::comes_after(size_t a, size_t b) const {
  const BytesView name_a = name_of(*cursors_[a].iterator);
  const BytesView name_b = name_of(*cursors_[b].iterator);
  if (name_a != name_b) return reverse_ ? name_a < name_b : name_a > name_b;
  return a > b;
}

Status ScanMerge::push(size_t cursor) {
  if (!cursors_[cursor].iterator->valid()) return cursors_[cursor].iterator->status();
  heap_.push_back(cursor);
  std::push_heap(heap_.begin(), heap_.end(),
                 [this](size_t a, size_t b) { return comes_after(a, b); });
  return {};
}

size_t ScanMerge::pop() {
  std::pop_heap(heap_.begin(), heap_.end(),
                [this](size_t a, size_t b) { return comes_after(a, b); });
  const size_t cursor = heap_.back();
  heap_.pop_back();
  return cursor;
}

Status ScanMerge::take_from(size_t cursor, msg::KeyRecord* into) {
  Cursor& from = cursors_[cursor];
  // The iterator's bytes end with its next step; the page lives on.
  const SharedBytes bytes = SharedBytes::copy_of(from.iterator->value());
  Round round = from.round;
  StoredRecord stored;
  if (from.space == Space::hint) {
    KV_ASSIGN(StoredHint hint, decode_stored_hint(bytes));
    stored = std::move(hint.stored);
    round = std::min(round, stored.round);
  } else {
    KV_ASSIGN(stored, decode_stored_record(bytes));
  }
  const bool is_first = into->record.is_empty();
  into->round = is_first ? round : std::min(into->round, round);
  into->record = is_first ? std::move(stored.record) : merge(into->record, stored.record);
  from.iterator->next();
  return push(cursor);
}

Result<ScanMerge::Page> ScanMerge::take(size_t records_max, size_t bytes_max) {
  for (size_t cursor = 0; cursor < cursors_.size(); ++cursor) KV_TRY(push(cursor));
  Page page;
  size_t bytes = 0;
  while (!heap_.empty() && page.records.size() < records_max && bytes < bytes_max) {
    msg::KeyRecord next;
    next.key = SharedBytes::copy_of(name_of(*cursors_[heap_.front()].iterator));
    while (!heap_.empty() && name_of(*cursors_[heap_.front()].iterator) == next.key.view()) {
      KV_TRY(take_from(pop(), &next));
    }
    bytes += next.key.size() + next.record.value_bytes() + kRecordOverheadBytes;
    page.records.push_back(std::move(next));
  }
  page.exhausted = heap_.empty();
  return page;
}

}  // namespace kv
