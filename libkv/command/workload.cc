#include "libkv/command/workload.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

namespace {

constexpr uint32_t kScanRecordsMax = 100;

const std::vector<Workload>& all_workloads() {
  using Choice = Workload::Choice;
  static const std::vector<Workload> all = {
      {"load", 0, 0, 1, 0, Choice::in_order},   {"a", 0.5, 0.5, 0, 0, Choice::zipfian},
      {"b", 0.95, 0.05, 0, 0, Choice::zipfian}, {"c", 1, 0, 0, 0, Choice::zipfian},
      {"d", 0.95, 0, 0.05, 0, Choice::latest},  {"e", 0, 0, 0.05, 0.95, Choice::zipfian},
      {"f", 0.5, 0, 0, 0, Choice::zipfian},     {"put", 0, 1, 0, 0, Choice::uniform},
      {"get", 1, 0, 0, 0, Choice::uniform},
  };
  return all;
}

// Zeta is summed over the records once, which only the zipfian choices need.
uint64_t items_for(const Workload& workload, uint64_t records) {
  const bool is_zipfian =
      workload.choice == Workload::Choice::zipfian || workload.choice == Workload::Choice::latest;
  return is_zipfian ? records : 1;
}

}  // namespace

const char* to_string(BenchVerb verb) {
  switch (verb) {
    case BenchVerb::read:
      return "read";
    case BenchVerb::update:
      return "update";
    case BenchVerb::insert:
      return "insert";
    case BenchVerb::scan:
      return "scan";
    case BenchVerb::read_modify_write:
      return "read-modify-write";
  }
  KV_ASSERT(false);
}

const std::vector<std::string>& workload_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Workload& workload : all_workloads()) all.push_back(workload.name);
    return all;
  }();
  return names;
}

std::optional<Workload> workload_named(std::string_view name) {
  for (const Workload& workload : all_workloads())
    if (workload.name == name) return workload;
  return std::nullopt;
}

std::optional<uint64_t> BenchInserts::begin(uint64_t end) {
  const std::lock_guard lock(mutex_);
  if (next_ >= end) return std::nullopt;
  in_flight_.insert(next_);
  return next_++;
}

void BenchInserts::finish(uint64_t record) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(record);
}

uint64_t BenchInserts::finished_below() const {
  const std::lock_guard lock(mutex_);
  return in_flight_.empty() ? next_ : *in_flight_.begin();
}

StepChooser::StepChooser(Workload workload, uint64_t records, BenchInserts& inserts, uint64_t seed)
    : workload_(std::move(workload)),
      records_(records),
      inserts_(inserts),
      random_(seed),
      zipfian_(items_for(workload_, records)) {
  KV_ASSERT(records > 0);
}

std::optional<BenchStep> StepChooser::next() {
  if (workload_.choice == Workload::Choice::in_order) {
    const auto record = inserts_.begin(records_);
    if (!record) return std::nullopt;
    return BenchStep{BenchVerb::insert, *record, 0};
  }
  BenchStep step;
  step.verb = choose_verb();
  step.record = step.verb == BenchVerb::insert ? *inserts_.begin() : choose_record();
  if (step.verb == BenchVerb::scan)
    step.scan_records = static_cast<uint32_t>(1 + random_.below(kScanRecordsMax));
  return step;
}

BenchVerb StepChooser::choose_verb() {
  double u = random_.unit();
  const std::pair<double, BenchVerb> shares[] = {{workload_.reads, BenchVerb::read},
                                                 {workload_.updates, BenchVerb::update},
                                                 {workload_.inserts, BenchVerb::insert},
                                                 {workload_.scans, BenchVerb::scan}};
  double sum = 0;
  for (const auto& [share, verb] : shares) {
    if (u < share) return verb;
    u -= share;
    sum += share;
  }
  // What is left of the shares is read-modify-write's; where nothing is, only rounding came here.
  if (sum < 0.999) return BenchVerb::read_modify_write;
  return workload_.scans > 0 ? BenchVerb::scan : BenchVerb::read;
}

uint64_t StepChooser::choose_record() {
  switch (workload_.choice) {
    case Workload::Choice::in_order:
    case Workload::Choice::uniform:
      return random_.below(records_);
    case Workload::Choice::zipfian:
      return scattered(zipfian_.next(random_), records_);
    case Workload::Choice::latest: {
      const uint64_t there = inserts_.finished_below();
      zipfian_.grow(std::max(there, zipfian_.items()));
      return there - 1 - std::min(zipfian_.next(random_), there - 1);
    }
  }
  KV_ASSERT(false);
}

std::string bench_key(uint64_t record) {
  char key[40];
  std::snprintf(key, sizeof(key), "bench:%012llu", static_cast<unsigned long long>(record));
  return key;
}

std::string bench_value(size_t bytes, Random& random) {
  std::string value(bytes, '\0');
  for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
    const uint64_t word = random.next();
    std::memcpy(value.data() + at, &word, std::min(sizeof(word), bytes - at));
  }
  return value;
}

}  // namespace kv
