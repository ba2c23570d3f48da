// An iterator over nothing, because of an error: what a closed engine hands out.
#pragma once

#include "libkv/base/assert.h"
#include "libkv/storage/engine.h"

namespace kv {

class FailedIterator final : public EngineIterator {
 public:
  explicit FailedIterator(Error error) : error_(std::move(error)) {}
  bool valid() const override { return false; }
  void next() override { KV_ASSERT(false); }
  BytesView key() const override { return {}; }
  BytesView value() const override { return {}; }
  Status status() const override { return fail(error_); }

 private:
  Error error_;
};

}  // namespace kv
