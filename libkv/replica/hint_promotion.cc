#include "libkv/replica/hint_promotion.h"

#include <utility>

#include "libkv/replica/key_layout.h"
#include "libkv/replica/range_walk.h"

namespace kv {

void HintPromotion::look() {
  if (!core_.map || !core_.hint_tally.is_counted() || running_ || core_.stopping) return;
  look_again_ = core_.now() + limits::promotion_retry_interval;
  const auto owns = [this](const PartitionKey& partition) {
    const PartitionRow* row = core_.map->row(partition);
    return row != nullptr && is_slot(*row, core_.member);
  };
  std::erase_if(done_, [&](const PartitionKey& partition) { return !owns(partition); });
  waiting_.clear();
  for (const PartitionKey& partition : core_.hint_tally.partitions()) {
    if (owns(partition) && done_.count(partition) == 0) waiting_.push_back(partition);
  }
  begin_next();
}

void HintPromotion::on_time(Instant now) {
  if (now >= look_again_) look();
}

void HintPromotion::begin_next() {
  running_ = !waiting_.empty();
  if (!running_) return;
  const PartitionKey partition = waiting_.front();
  waiting_.pop_front();
  begin_page(partition, partition_range(Space::hint, partition).from);
}

void HintPromotion::begin_page(const PartitionKey& partition, std::string from) {
  auto page = std::make_shared<Page>();
  page->partition = partition;
  RangeWalk walk;
  walk.range = partition_range(Space::hint, partition);
  walk.range.from = std::move(from);
  walk.slice_keys = limits::promotions_max + 1;
  walk.visit = [page](BytesView key, BytesView value) -> Result<bool> {
    page->more = page->found.size() == limits::promotions_max;
    if (page->more) return false;
    auto row = decode_hint_row(key, value);
    if (!row) return page->unreadable.pass_over(key, row.error());
    page->found.push_back(std::move(*row));
    page->last_key = std::string(key);
    return true;
  };
  walk.damaged = [page](const Error& error) { page->unreadable.blocks.push_back(error); };
  walk.paused = [this, page](bool ended, const Status& status) {
    if (!ended) return true;
    page->failed = !status;
    core_.on_unreadable_hints(page->unreadable);
    take_page(page);
    return false;
  };
  begin_walk(core_.engine, core_.tasks, std::move(walk));
}

void HintPromotion::take_page(const std::shared_ptr<Page>& page) {
  page->missing = page->found.size() + 1;  // One for this loop, so that it ends only once.
  for (const HintRow& found : page->found) {
    writes_.take_over(page->partition, found.keyspace, found.name, found.hint,
                      [this, page](Answer answer) {
                        if (answer == Answer::ok) ++core_.counters.hints_promoted;
                        taken_one(page, answer);
                      });
  }
  taken_one(page, Answer::ok);
}

void HintPromotion::taken_one(const std::shared_ptr<Page>& page, Answer answer) {
  // One of an earlier purge round is not merged here, nor will it be anywhere else.
  if (answer != Answer::ok && answer != Answer::stale_round) page->failed = true;
  if (--page->missing > 0) return;
  if (!page->failed && page->more) {
    return begin_page(page->partition, key_after(page->last_key));
  }
  if (page->failed) {
    core_.environment.log.warning(
        "hints_not_taken_over",
        {{"placement", page->partition.placement}, {"partition", page->partition.partition}});
  } else {
    done_.insert(page->partition);
  }
  begin_next();
}

}  // namespace kv
