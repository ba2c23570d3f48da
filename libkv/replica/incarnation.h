// Whether what this node mints for can be trusted to be all it ever exposed: its incarnation.
//
// A birth mark counts only under the incarnation it was set in (model/mint.h). So a new incarnation
// is drawn before the first mint after any start at which the log may have lost something that was
// exposed. Three things tell:
//   - the engine's recovery was not clean, or met corruption, or found an empty directory;
//   - the clean flag that the last stop left does not name the log's last sequence: one of the two
//     was restored or rolled back;
//   - the voters do not know this incarnation with a lower start number: a whole disk was rolled
//     back, which no file betrays. Until they have said, or a bounded wait is over, nothing mints.
//
// Rows of the table `incarnation`, decimal: `incarnation`, `start_number`, `judged_start`,
// `clean_at`.
// Each change is durable before its function returns. Lives on the loop's thread; start() and the
// rare draw write to the metadata, which waits for the file.
#pragma once

#include <cstdint>
#include <functional>

#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/meta/meta_store.h"
#include "libkv/storage/engine.h"

namespace kv {

class Incarnation {
 public:
  using Entropy = std::function<uint64_t()>;

  /// Raises the start number and takes the clean flag away. `meta` must outlive it. A kept
  /// incarnation is ready when judged, or anew at `deadline`; a new one at once.
  /// Errors: the metadata's.
  static Result<Incarnation> start(MetaStore& meta, const RecoveryReport& recovery, Entropy entropy,
                                   Instant deadline);

  /// Whether its rows parse. Errors: corrupt, the metadata's.
  static Status check(MetaStore& meta);

  uint64_t value() const { return value_; }
  uint64_t start_number() const { return start_number_; }
  /// The last start of which the voters' verdict was taken in; 0: none.
  uint64_t judged_start() const { return judged_start_; }
  /// Drawn since this start: the voters are to record it, not to judge it.
  bool is_new() const { return is_new_; }
  /// Whether the node may mint under it.
  bool is_ready() const { return is_ready_; }

  /// The voters' word. Not known: a new one is drawn. Without meaning once ready.
  Status judge(bool known);
  /// All that the voters' word means for the directory's data has been done, durably.
  Status note_judged();
  /// No word in time counts as "not known".
  Status on_time(Instant now);
  /// The node has met its own amnesia.
  Status draw();

  /// Leaves the clean flag. REQUIRES: all up to `last` is durable, and nothing mints any more.
  Status stop_cleanly(Sequence last);

 private:
  Incarnation(MetaStore& meta, Entropy entropy, Instant deadline)
      : meta_(&meta), entropy_(std::move(entropy)), deadline_(deadline) {}

  MetaStore* meta_;
  Entropy entropy_;
  Instant deadline_;
  uint64_t value_ = 0;
  uint64_t start_number_ = 0;
  uint64_t judged_start_ = 0;
  bool is_new_ = false;
  bool is_ready_ = false;
};

}  // namespace kv
