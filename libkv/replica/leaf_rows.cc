#include "libkv/replica/leaf_rows.h"

#include <array>
#include <optional>

#include "libkv/base/planted.h"
#include "libkv/replica/key_layout.h"

namespace kv {

namespace {

// Eight bytes and two, little-endian.
constexpr size_t kSumBytes = sizeof(uint64_t) + sizeof(uint16_t);

std::array<char, kSumBytes> encode_sum(const LeafSum& sum) {
  std::array<char, kSumBytes> bytes;
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(sum.hash >> (8 * i) & 0xff);
  for (size_t i = 0; i < 2; ++i) bytes[8 + i] = static_cast<char>(sum.keys >> (8 * i) & 0xff);
  return bytes;
}

std::optional<LeafSum> decode_sum(BytesView value) {
  if (value.size() != kSumBytes) return std::nullopt;
  LeafSum sum;
  for (size_t i = 8; i-- > 0;) sum.hash = sum.hash << 8 | static_cast<unsigned char>(value[i]);
  sum.keys = static_cast<uint16_t>(static_cast<unsigned char>(value[8]) |
                                   static_cast<unsigned char>(value[9]) << 8);
  return sum;
}

/// What a batch gains in its life is not the user's.
class UpkeepBytes {
 public:
  explicit UpkeepBytes(WriteBatch* batch) : batch_(batch), before_(batch->payload_bytes()) {}
  ~UpkeepBytes() { batch_->note_upkeep(batch_->payload_bytes() - before_); }
  UpkeepBytes(const UpkeepBytes&) = delete;
  UpkeepBytes& operator=(const UpkeepBytes&) = delete;

 private:
  WriteBatch* batch_;
  const size_t before_;
};

bool is_mark(BytesView key, BytesView value) {
  const auto partition = partition_of_key(key);
  return partition && value.empty() && key == partition_row_key(Space::leaf, *partition);
}

}  // namespace

void write_leaf_row(const PartitionKey& partition, uint32_t leaf, const LeafSum& sum,
                    WriteBatch* batch) {
  const std::string key = leaf_key(partition, leaf);
  const UpkeepBytes counted(batch);
  if (sum == LeafSum{}) return batch->remove(key);
  const auto value = encode_sum(sum);
  batch->put(key, BytesView(value.data(), value.size()));
}

void write_leaf_mark(const PartitionKey& partition, WriteBatch* batch) {
  const UpkeepBytes counted(batch);
  batch->put(partition_row_key(Space::leaf, partition), {});
}

void strike_leaf_mark(const PartitionKey& partition, WriteBatch* batch) {
  const UpkeepBytes counted(batch);
  if (!KV_PLANTED(leaf_mark_kept)) batch->remove(partition_row_key(Space::leaf, partition));
}

Status StoredLeaves::read(BytesView key, BytesView value) {
  if (is_mark(key, value)) {
    marked = true;
    return {};
  }
  const auto leaf = leaf_of_leaf_key(key);
  const auto sum = decode_sum(value);
  if (!leaf || !sum || *leaf >= tree.leaf_count())
    return fail(ErrorKind::corrupt, "a row of a Merkle leaf does not parse");
  tree.add(*leaf, *sum);
  return {};
}

Status check_leaf_row(BytesView key, BytesView value) {
  if (is_mark(key, value) || (leaf_of_leaf_key(key) && decode_sum(value))) return {};
  return fail(ErrorKind::corrupt, "a row of a Merkle leaf does not parse");
}

}  // namespace kv
