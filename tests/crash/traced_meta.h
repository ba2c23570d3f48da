// Metadata rows in memory that remember after which operation of the disk's trace each commit
// happened, so that a crash state of the disk comes with the metadata of the same moment. Commits
// can be made to fail.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "libkv/meta/meta_store.h"
#include "tests/sim/sim_disk.h"

namespace kv {

using MetaRows = std::map<std::pair<std::string, std::string>, std::string>;

class TracedMeta final : public MetaStore {
 public:
  /// `disk` must outlive it.
  explicit TracedMeta(const SimDisk& disk, MetaRows rows = {}) : disk_(disk), rows_(rows) {
    states_.push_back({0, std::move(rows)});
  }

  Status commit(const MetaTransaction& transaction) override {
    const uint64_t call = ++commits_;
    if (call == refuse_at_ || (refuse_on_ && refuse_at_ != 0 && call > refuse_at_))
      return fail(refusal_, "metadata: refused (injected)");
    const bool fails = call == fail_at_;
    if (!failed_ && (!fails || fails_late_)) apply(transaction);
    failed_ = failed_ || fails;
    if (failed_) return fail(ErrorKind::io, "metadata: commit failed (injected)");
    return {};
  }
  Result<std::string> get(const std::string& table, const std::string& key) override {
    const auto row = rows_.find({table, key});
    if (row == rows_.end()) return fail(ErrorKind::not_found, table + ": " + key);
    return row->second;
  }
  Result<std::vector<Row>> rows(const std::string& table) override {
    std::vector<Row> found;
    for (const auto& [place, value] : rows_)
      if (place.first == table) found.push_back({place.second, value});
    return found;
  }

  const MetaRows& all() const { return rows_; }
  /// Commits asked for since the beginning.
  uint64_t commits() const { return commits_; }
  /// The `n`th commit from now fails, and all after it, as a store does that does not know what
  /// reached the disk. `late`: the `n`th did reach it.
  void fail_nth_commit(uint64_t n, bool late = false) {
    fail_at_ = commits_ + n;
    fails_late_ = late;
  }
  /// The `n`th commit from now is refused and stores nothing; later ones succeed, but
  /// `from_then_on`.
  void refuse_nth_commit(uint64_t n, ErrorKind kind, bool from_then_on = false) {
    refuse_at_ = commits_ + n;
    refusal_ = kind;
    refuse_on_ = from_then_on;
  }
  /// The rows when the disk had done `operations`; a commit at just that moment is in them if
  /// `latest`.
  const MetaRows& rows_at(size_t operations, bool latest) const {
    const MetaRows* found = &states_.front().rows;
    for (const State& state : states_)
      if (state.operations < operations || (latest && state.operations == operations))
        found = &state.rows;
    return *found;
  }

 private:
  void apply(const MetaTransaction& transaction) {
    for (const auto& change : transaction.changes()) {
      if (change.value) {
        rows_[{change.table, change.key}] = *change.value;
      } else {
        rows_.erase({change.table, change.key});
      }
    }
    states_.push_back({disk_.trace().size(), rows_});
  }

  struct State {
    size_t operations;
    MetaRows rows;
  };
  const SimDisk& disk_;
  MetaRows rows_;
  std::vector<State> states_;
  uint64_t commits_ = 0;
  uint64_t fail_at_ = 0;  // 0, here and below: never.
  bool fails_late_ = false;
  bool failed_ = false;
  uint64_t refuse_at_ = 0;
  bool refuse_on_ = false;
  ErrorKind refusal_ = ErrorKind::no_space;
};

}  // namespace kv
