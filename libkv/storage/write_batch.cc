// The bytes of a batch, as the commit log stores them (on disk: never change):
//   operation := kind (1 byte) | key length (varint) | key [| value length (varint) | value]
// kind 0 removes, kind 1 puts. Operations stand one after another.
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/engine.h"

namespace kv {

namespace {
constexpr char kRemove = 0;
constexpr char kPut = 1;
}  // namespace

void WriteBatch::put(BytesView key, BytesView value) {
  bytes_.push_back(kPut);
  append_sized(bytes_, key);
  append_sized(bytes_, value);
  ++count_;
}

void WriteBatch::remove(BytesView key) {
  bytes_.push_back(kRemove);
  append_sized(bytes_, key);
  ++count_;
}

void WriteBatch::clear() {
  bytes_.clear();
  count_ = 0;
  upkeep_bytes_ = 0;
}

bool WriteBatch::for_each(BytesView encoded, const std::function<void(const Operation&)>& visit) {
  ByteReader reader(encoded);
  while (!reader.at_end()) {
    const char kind = reader.take_bytes(1).front();
    if (kind != kPut && kind != kRemove) return false;
    Operation operation{kind == kPut, reader.take_sized(), {}};
    if (operation.is_put) operation.value = reader.take_sized();
    if (!reader.ok()) return false;
    visit(operation);
  }
  return true;
}

}  // namespace kv
