#include "libkv/replica/owed.h"

#include <algorithm>

#include "libkv/replica/key_layout.h"
#include "libkv/replica/number_row.h"

namespace kv {

Result<Owed> Owed::load(Engine& engine, uint64_t start_number, UnreadableRows* unreadable) {
  Owed owed;
  owed.next_mark_ = start_number << 32 | 1;
  KV_TRY(read_start_rows(engine, space_range(Space::owed), unreadable,
                         [&owed](BytesView key, BytesView value) -> Status {
                           const auto partition = partition_of_key(key);
                           const auto member = member_of_owed_key(key);
                           const auto mark = decode_number_row(value);
                           if (!partition || !member || !mark)
                             return fail(ErrorKind::corrupt,
                                         "a row of an owed repair does not parse");
                           owed.marks_[{*partition, *member}] = *mark;
                           owed.next_mark_ = std::max(owed.next_mark_, *mark + 1);
                           return {};
                         }));
  return owed;
}

void Owed::incur(const PartitionKey& partition, const std::vector<MemberNumber>& members,
                 WriteBatch* batch) {
  for (const MemberNumber member : members) {
    const uint64_t mark = next_mark_++;
    marks_[{partition, member}] = mark;
    batch->put(owed_key(partition, member), encode_number_row(mark));
  }
}

bool Owed::pay(const msg::OwedRepair& debt, WriteBatch* batch) const {
  const auto found = marks_.find({debt.partition, debt.member});
  if (found == marks_.end() || found->second != debt.mark) return false;
  batch->remove(owed_key(debt.partition, debt.member));
  return true;
}

void Owed::forget(const msg::OwedRepair& debt) {
  const auto found = marks_.find({debt.partition, debt.member});
  if (found != marks_.end() && found->second == debt.mark) marks_.erase(found);
}

std::vector<msg::OwedRepair> Owed::list() const {
  std::vector<msg::OwedRepair> debts;
  debts.reserve(marks_.size());
  for (const auto& [place, mark] : marks_) debts.push_back({place.first, place.second, mark});
  return debts;
}

}  // namespace kv
