#include "libkv/storage/batch_limits.h"

#include "libkv/base/limits.h"

namespace kv {

namespace {
Status too_large(const char* what, size_t bytes, size_t limit) {
  return fail(ErrorKind::invalid, std::string(what) + " of " + std::to_string(bytes) +
                                      " bytes is over the limit of " + std::to_string(limit));
}
}  // namespace

Status check_limits(BytesView key, BytesView value) {
  if (key.size() > limits::engine_key_bytes_max)
    return too_large("a key", key.size(), limits::engine_key_bytes_max);
  if (value.size() > limits::engine_value_bytes_max)
    return too_large("a value", value.size(), limits::engine_value_bytes_max);
  return {};
}

Status check_limits(const WriteBatch& batch) {
  if (batch.payload_bytes() > limits::engine_batch_bytes_max)
    return too_large("a batch", batch.payload_bytes(), limits::engine_batch_bytes_max);
  Status status;
  const bool parses =
      WriteBatch::for_each(batch.encoded(), [&](const WriteBatch::Operation& operation) {
        if (status) status = check_limits(operation.key, operation.value);
      });
  if (!parses) return fail(ErrorKind::invalid, "the batch does not parse");
  return status;
}

Status check_limits(const KeyRange& range) {
  for (const std::string* bound : {&range.from, &range.to})
    if (bound->size() > limits::engine_key_bytes_max)
      return too_large("a range's bound", bound->size(), limits::engine_key_bytes_max);
  return {};
}

}  // namespace kv
