// Owed repairs: partitions whose copy at another member is known to lack something that this one
// has, kept durably until that copy has been made equal (protocols: the slots that were not
// reached are named in the mint and the merges).
//
// Each debt has a mark that rises when it is incurred anew, so that a repair which began before
// does not pay for what came after. Marks rise across restarts as well: their upper half is the
// node's start number. A debt taken into a batch counts in memory at once, even if the batch should
// fail: owing too much costs a comparison, owing too little loses data.
//
// Lives on the loop's thread; load() reads the rows.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "libkv/model/ids.h"
#include "libkv/protocol/repair_messages.h"
#include "libkv/replica/start_rows.h"
#include "libkv/storage/engine.h"

namespace kv {

class Owed {
 public:
  /// Errors: corrupt (a row), io.
  static Result<Owed> load(Engine& engine, uint64_t start_number, UnreadableRows* unreadable);

  /// Adds the debt's rows to `batch`.
  void incur(const PartitionKey& partition, const std::vector<MemberNumber>& members,
             WriteBatch* batch);
  /// Adds the removal of the row to `batch` if the debt's mark is still this one.
  bool pay(const msg::OwedRepair& debt, WriteBatch* batch) const;
  /// Forgets a debt whose removal was applied.
  void forget(const msg::OwedRepair& debt);

  std::vector<msg::OwedRepair> list() const;
  size_t size() const { return marks_.size(); }

 private:
  uint64_t next_mark_ = 1;
  std::map<std::pair<PartitionKey, MemberNumber>, uint64_t> marks_;
};

}  // namespace kv
