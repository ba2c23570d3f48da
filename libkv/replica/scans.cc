#include "libkv/replica/scans.h"

#include <algorithm>
#include <utility>

#include "libkv/replica/refusals.h"

namespace kv {

void Scans::add(const msg::ScanPage& request, Space space, const PartitionKey& partition,
                ScanMerge* merge) {
  KeyRange range = keyspace_range(space, partition, request.keyspace);
  range.from += request.from;
  if (!request.to.empty()) range.to = record_key(space, partition, request.keyspace, request.to);
  if (!range.to.empty() && range.from >= range.to) return;
  merge->add(space, core_.rounds.of(partition), core_.engine.iterate(range, request.reverse));
}

Answer Scans::plan(const msg::ScanPage& request, std::shared_ptr<ScanMerge>* merge,
                   std::vector<PartitionId>* refilling) {
  const Keyspace* keyspace = core_.map->keyspace(request.keyspace);
  if (keyspace == nullptr) return Answer::not_found;
  const Placement* placement = core_.map->placement(keyspace->placement);
  if (placement == nullptr) return Answer::not_found;
  *merge = std::make_shared<ScanMerge>(request.reverse);
  for (PartitionId id = 0; id < placement->table.size(); ++id) {
    const PartitionKey partition{placement->id, id};
    const PartitionRow& row = placement->table[id];
    const Standing standing = standing_of(row, core_.member);
    if (!standing.any()) continue;
    if (request.epoch < row.changed) return Answer::stale_epoch;
    if (standing.holds_own()) add(request, Space::own, partition, merge->get());
    if (core_.hint_tally.may_hold(partition)) add(request, Space::hint, partition, merge->get());
    if (standing.filling || core_.in_doubt ||
        (standing.slot && core_.refilling.contains(partition))) {
      refilling->push_back(id);
    }
  }
  return Answer::ok;
}

void Scans::refuse(const Asked& asked, Answer why) {
  --core_.walks;
  ++core_.counters.refused;
  core_.answers.answer(asked.asker, refusal(asked.request, why, core_.epoch()));
}

void Scans::page(Asker asker, const msg::ScanPage& request, Instant deadline) {
  const bool is_busy = core_.walks >= limits::range_walks_max || waits_in_vain(asker);
  ++core_.walks;
  if (is_busy) return refuse({asker, request, deadline}, Answer::busy);
  waiting_.push_back({asker, request, deadline});
  begin_waiting();
}

void Scans::begin_waiting() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const bool is_late = core_.now() >= next->deadline;
    if (!is_late && !can_begin(*next)) {
      ++next;
      continue;
    }
    const Asked asked = std::move(*next);
    next = waiting_.erase(next);
    is_late ? refuse(asked, Answer::late) : begin(asked);
  }
}

/// An asker that takes nothing has no right to all the places.
bool Scans::waits_in_vain(Asker asker) const {
  const auto places = std::count_if(waiting_.begin(), waiting_.end(),
                                    [&](const Asked& asked) { return asked.asker == asker; });
  return static_cast<size_t>(places) >= limits::scan_pages_at_once && !has_taken(asker);
}

bool Scans::has_taken(Asker asker) const {
  return core_.answers.untaken_bytes(asker) < core_.settings.untaken_bytes_max;
}

bool Scans::can_begin(const Asked& asked) const {
  return running_ < core_.settings.scan_pages_at_once && has_taken(asked.asker);
}

void Scans::begin(const Asked& asked) {
  const msg::ScanPage& request = asked.request;
  std::shared_ptr<ScanMerge> merge;
  std::vector<PartitionId> refilling;
  const Answer planned = plan(request, &merge, &refilling);
  if (planned != Answer::ok) return refuse(asked, planned);
  ++core_.counters.scan_pages;
  ++running_;
  size_t records_max = limits::scan_page_records_max;
  if (request.records_max > 0) records_max = std::min<size_t>(records_max, request.records_max);
  auto page = std::make_shared<Result<ScanMerge::Page>>();
  core_.tasks.run(
      Lane::read,
      [merge, page, records_max] { *page = merge->take(records_max, limits::scan_page_bytes_max); },
      // The merge is held here too, so that its iterators end on the loop.
      [this, asked, merge, page, refilling = std::move(refilling)] {
        --core_.walks;
        --running_;
        finish(asked.asker, asked.request, page.get(), refilling, asked.deadline);
        begin_waiting();
      });
}

void Scans::finish(Asker asker, const msg::ScanPage& request, Result<ScanMerge::Page>* page,
                   const std::vector<PartitionId>& refilling, Instant deadline) {
  msg::ScanPageDone done = refusal(request, Answer::ok, core_.epoch());
  if (!*page) {
    done.answer = answer_of(page->error());
  } else if (core_.now() >= deadline) {
    done.answer = Answer::late;
  } else {
    done.records = std::move((*page)->records);
    done.exhausted = (*page)->exhausted;
    done.refilling = refilling;
  }
  core_.answers.answer(asker, done);
}

}  // namespace kv
