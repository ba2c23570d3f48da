// What kv-bench does: which operation next, on which record. The letters are those of YCSB (Cooper
// et al., SoCC 2010).
//
//   load  inserts every record once, in order
//   a     half reads, half updates           zipfian
//   b     95 % reads, 5 % updates            zipfian
//   c     reads                              zipfian
//   d     95 % reads, 5 % inserts            the newest most often
//   e     95 % short scans, 5 % inserts      zipfian; 1 to 100 records
//   f     half reads, half read-modify-write zipfian
//   put   updates                            uniform
//   get   reads                              uniform
//
// Pure; only what is inserted is shared by the threads of a run.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "libkv/base/random.h"
#include "libkv/command/zipfian.h"

namespace kv {

enum class BenchVerb { read, update, insert, scan, read_modify_write };
inline constexpr size_t kBenchVerbs = 5;
const char* to_string(BenchVerb verb);

struct BenchStep {
  BenchVerb verb = BenchVerb::read;
  uint64_t record = 0;
  uint32_t scan_records = 0;
};

struct Workload {
  enum class Choice { in_order, uniform, zipfian, latest };
  std::string name;
  double reads = 0, updates = 0, inserts = 0, scans = 0;  ///< What is left: read-modify-writes.
  Choice choice = Choice::uniform;
};

/// All names, in the order of the picture.
const std::vector<std::string>& workload_names();
/// Nothing if there is none of that name.
std::optional<Workload> workload_named(std::string_view name);

/// Which records have been inserted. The threads of a run share it, hence the lock; it is held for
/// a few instructions.
class BenchInserts {
 public:
  /// `there`: so many were there before.
  explicit BenchInserts(uint64_t there) : next_(there) {}

  /// The number of a new one, which is then in flight; nothing if it would not be below `end`.
  std::optional<uint64_t> begin(uint64_t end = UINT64_MAX);
  /// Its insert has been answered.
  void finish(uint64_t record);
  /// Of all records below this the inserts have been answered.
  uint64_t finished_below() const;

 private:
  mutable std::mutex mutex_;
  uint64_t next_;
  std::set<uint64_t> in_flight_;
};

/// One thread's choices. Not thread-safe but for what it shares.
class StepChooser {
 public:
  /// `records`: how many there are, or, for load, shall be; at least 1. `inserts` outlives it and
  /// began with as many (load: with none).
  StepChooser(Workload workload, uint64_t records, BenchInserts& inserts, uint64_t seed);

  /// Nothing: load has inserted all.
  std::optional<BenchStep> next();
  Random& random() { return random_; }

 private:
  BenchVerb choose_verb();
  uint64_t choose_record();

  const Workload workload_;
  const uint64_t records_;
  BenchInserts& inserts_;
  Random random_;
  Zipfian zipfian_;
};

/// `bench:000000000042`: keys in the order of their numbers.
std::string bench_key(uint64_t record);
/// Bytes that do not compress.
std::string bench_value(size_t bytes, Random& random);

}  // namespace kv
