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
    if (failed_ || (fail_at_ != 0 && --fail_at_ == 0)) {
      failed_ = true;
      return fail(ErrorKind::io, "metadata: commit failed (injected)");
    }
    if (refuse_at_ != 0 && --refuse_at_ == 0) return fail(refusal_, "metadata: refused (injected)");
    for (const auto& change : transaction.changes()) {
      if (change.value) {
        rows_[{change.table, change.key}] = *change.value;
      } else {
        rows_.erase({change.table, change.key});
      }
    }
    states_.push_back({disk_.trace().size(), rows_});
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
  /// The `n`th commit from now fails, and all after it.
  void fail_nth_commit(uint64_t n) { fail_at_ = n; }
  /// The `n`th commit from now is refused and stores nothing; later ones succeed.
  void refuse_nth_commit(uint64_t n, ErrorKind kind) {
    refuse_at_ = n;
    refusal_ = kind;
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
  struct State {
    size_t operations;
    MetaRows rows;
  };
  const SimDisk& disk_;
  MetaRows rows_;
  std::vector<State> states_;
  uint64_t fail_at_ = 0;
  uint64_t refuse_at_ = 0;
  ErrorKind refusal_ = ErrorKind::no_space;
  bool failed_ = false;
};

}  // namespace kv
