#include "libkv/storage/table/block_builder.h"

#include <algorithm>

#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"

namespace kv {

void BlockBuilder::add(const Entry& entry, uint64_t key_hash) {
  const bool is_older_version = !empty() && entry.key == last_key_;
  add(entry);
  if (!is_older_version) hashes_.push_back({key_hash, restarts_.size() - 1});
}

void BlockBuilder::add(const Entry& entry) {
  size_t shared = 0;
  if (restarts_.empty() || since_restart_ == restart_interval_) {
    restarts_.push_back(static_cast<uint32_t>(bytes_.size()));
    since_restart_ = 0;
  } else {
    shared = common_prefix(last_key_, entry.key);
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

void BlockBuilder::append_buckets() {
  // Three quarters full: one key in three meets another, mostly one of the same restart.
  const auto count =
      static_cast<uint16_t>(std::min<size_t>(hashes_.size() * 4 / 3 + 1, UINT16_MAX));
  const size_t begin = bytes_.size();
  bytes_.resize(begin + count, static_cast<char>(kBucketEmpty));
  for (const HashedKey& key : hashes_) {
    char& bucket = bytes_[begin + bucket_of(key.hash, count)];
    const auto restart = static_cast<char>(key.restart);
    const bool is_free = bucket == static_cast<char>(kBucketEmpty) || bucket == restart;
    bucket =
        is_free || KV_PLANTED(bucket_of_the_last) ? restart : static_cast<char>(kBucketOfSeveral);
  }
  append_word(bytes_, count);
}

std::string BlockBuilder::finish() {
  for (const uint32_t restart : restarts_) append_word(bytes_, restart);
  // A block of more restarts than a bucket can name is searched by halves alone.
  const bool has_buckets = !hashes_.empty() && restarts_.size() <= kBucketOfSeveral;
  if (has_buckets) append_buckets();
  const uint32_t flags = has_buckets ? kBlockHasBuckets : 0;
  append_word(bytes_, static_cast<uint32_t>(restarts_.size()) | flags << 24);
  hashes_.clear();
  restarts_.clear();
  since_restart_ = 0;
  last_key_.clear();
  return std::exchange(bytes_, {});
}

}  // namespace kv
