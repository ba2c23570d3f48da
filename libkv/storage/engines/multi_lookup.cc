#include "libkv/storage/engines/multi_lookup.h"

#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/storage/table/bloom_filter.h"

namespace kv {

namespace {

/// As many lines as a core has room for on their way at once, about.
constexpr size_t kTogether = 16;

/// The section of one of the tables that may hold a key, if it is in memory.
struct Candidate {
  SectionPtr section;
  int level = 0;
};

/// How far a key has come.
struct Probe {
  Probe(size_t key_index, uint64_t key_hash) : index(key_index), hash(key_hash) {}

  size_t index;
  uint64_t hash;
  std::vector<Candidate> candidates;  // Newest first; then only those whose filters say "may be".
  size_t block_number = 0;
  std::shared_ptr<const Block> block;
  LookupCounts counts;
};

class MultiLookup {
 public:
  MultiLookup(const ReadView& view, TableCache& cache, std::span<const BytesView> keys, Sequence at,
              std::span<Result<Lookup>> answers)
      : view_(view), cache_(cache), keys_(keys), at_(at), answers_(answers) {}

  std::vector<size_t> run() {
    for (size_t begin = 0; begin < keys_.size(); begin += kTogether)
      run_together(begin, std::min(begin + kTogether, keys_.size()));
    std::sort(missing_.begin(), missing_.end());
    return std::move(missing_);
  }

 private:
  // Each step leaves only those that need the next one.
  void run_together(size_t begin, size_t end) {
    probes_.clear();
    for (size_t i = begin; i < end; ++i)
      if (!look_in_memtables(i)) probes_.emplace_back(i, key_hash(keys_[i]));
    step([this](Probe& probe) { return gather_candidates(probe); });
    step([this](Probe& probe) { return ask_filters(probe); });
    step([this](Probe& probe) { return take_block(probe); });
    step([](Probe& probe) {
      probe.block->prefetch(probe.hash);
      return true;
    });
    step([this](Probe& probe) { return find_entry(probe); });
  }
  template <typename Step>
  void step(const Step& next) {
    std::erase_if(probes_, [&](Probe& probe) { return !next(probe); });
  }

  bool look_in_memtables(size_t index) {
    auto found = look_up_in_memtables(view_, keys_[index], at_);
    if (!found) return false;
    cache_.counters().memtable_hits.fetch_add(1, std::memory_order_relaxed);
    answers_[index] = std::move(*found);
    return true;
  }

  bool gather_candidates(Probe& probe) {
    view_.version->each_candidate(keys_[probe.index], [&](const TablePtr& table, int level) {
      if (view_.masks_in(table->info(), keys_[probe.index])) return true;
      SectionPtr section = cache_.find(*table, keys_[probe.index], at_);
      if (section != nullptr) section->prefetch_filter(probe.hash);
      probe.candidates.push_back({std::move(section), level});
      return true;
    });
    return true;
  }

  bool ask_filters(Probe& probe) {
    auto candidate = probe.candidates.begin();
    while (candidate != probe.candidates.end() && candidate->section != nullptr &&
           !candidate->section->may_hold(probe.hash, probe.counts))
      ++candidate;
    probe.candidates.erase(probe.candidates.begin(), candidate);
    if (probe.candidates.empty()) return answer(probe, Lookup());
    const SectionPtr& section = probe.candidates.front().section;
    if (section == nullptr) return miss(probe);
    probe.block_number = section->block_for(keys_[probe.index], at_);
    if (probe.block_number == section->blocks()) return look_up_alone(probe);
    section->prefetch_block(probe.block_number);
    return true;
  }

  bool take_block(Probe& probe) {
    if (shares_block(probe)) return true;
    auto block = probe.candidates.front().section->cached_block(probe.block_number, probe.counts);
    if (!block) return answer(probe, fail(block.error()));
    if (*block == nullptr) return miss(probe);
    probe.block = std::move(*block);
    return true;
  }

  /// What the system had for an earlier key need not be in the cache.
  bool shares_block(Probe& probe) const {
    for (const Probe& earlier : probes_) {
      if (&earlier == &probe) return false;
      if (earlier.block == nullptr || earlier.block_number != probe.block_number ||
          earlier.candidates.front().section != probe.candidates.front().section)
        continue;
      probe.block = earlier.block;
      ++probe.counts.cache_hits;
      return true;
    }
    return false;
  }

  bool find_entry(Probe& probe) {
    const BytesView key = keys_[probe.index];
    const Candidate& candidate = probe.candidates.front();
    auto found = candidate.section->find_in(probe.block, {key, probe.hash, at_}, probe.counts);
    if (!found) return answer(probe, fail(found.error()));
    if (found->outcome != TableLookup::Outcome::found && !KV_PLANTED(first_table_answers))
      return look_up_alone(probe);
    Lookup lookup;
    lookup.found_in = FoundIn::cache;
    lookup.level = candidate.level;
    if (found->kind == EntryKind::value && !view_.masks(key, found->sequence))
      lookup.value = std::move(found->value);
    return answer(probe, std::move(lookup));
  }

  bool answer(const Probe& probe, Result<Lookup> found) {
    cache_.counters().add(probe.counts);
    answers_[probe.index] = std::move(found);
    return false;
  }

  /// A filter has promised too much: all is looked at again, in the ordinary way.
  bool look_up_alone(Probe& probe) {
    auto found = look_up(view_, cache_, keys_[probe.index], at_, ReadMode::cached_only);
    if (!found) return miss(probe);
    answers_[probe.index] = std::move(*found);
    return false;
  }

  bool miss(const Probe& probe) {
    missing_.push_back(probe.index);
    return false;
  }

  const ReadView& view_;
  TableCache& cache_;
  const std::span<const BytesView> keys_;
  const Sequence at_;
  const std::span<Result<Lookup>> answers_;
  std::vector<Probe> probes_;
  std::vector<size_t> missing_;
};

}  // namespace

std::vector<size_t> look_up_many(const ReadView& view, TableCache& cache,
                                 std::span<const BytesView> keys, Sequence at,
                                 std::span<Result<Lookup>> answers) {
  return MultiLookup(view, cache, keys, at, answers).run();
}

}  // namespace kv
