#include "libkv/storage/block_builder.h"

#include <algorithm>

#include "libkv/storage/byte_coding.h"

namespace kv {

void BlockBuilder::add(const Entry& entry) {
  size_t shared = 0;
  if (restarts_.empty() || since_restart_ == restart_interval_) {
    restarts_.push_back(static_cast<uint32_t>(bytes_.size()));
    since_restart_ = 0;
  } else {
    const size_t limit = std::min(last_key_.size(), entry.key.size());
    while (shared < limit && last_key_[shared] == entry.key[shared]) ++shared;
  }
  const BytesView unshared = entry.key.substr(shared);
  append_varint(bytes_, shared);
  append_varint(bytes_, unshared.size());
  append_varint(bytes_, entry.value.size());
  append_varint(bytes_, entry.sequence << 2 | static_cast<uint64_t>(entry.kind));
  bytes_.append(unshared);
  bytes_.append(entry.value);
  last_key_.resize(shared);
  last_key_.append(unshared);
  ++since_restart_;
}

std::string BlockBuilder::finish() {
  for (const uint32_t restart : restarts_) append_word(bytes_, restart);
  append_word(bytes_, static_cast<uint32_t>(restarts_.size()));
  restarts_.clear();
  since_restart_ = 0;
  last_key_.clear();
  return std::exchange(bytes_, {});
}

}  // namespace kv
