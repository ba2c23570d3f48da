// Reads msgpack from hostile bytes without copying them.
//
// Every read checks its bounds and its kind. A count is checked against the bytes that remain, so
// that a message of five bytes cannot ask for 100 GB; nesting is limited. The first error sticks:
// from then on every read gives zero, nothing or an empty view and no bytes are consumed, so a
// decoder reads straight through and asks once at the end:
//
//   MsgpackReader reader(bytes);
//   const size_t extra = reader.fields(2);
//   point.x = reader.integer();
//   point.y = reader.integer();
//   reader.skip(extra);                    // of a newer version
//   KV_TRY(reader.finish("a point"));
//
// Not thread-safe. Views that are returned point into the bytes given.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libkv/base/bytes.h"
#include "libkv/base/limits.h"
#include "libkv/base/result.h"

namespace kv {

class MsgpackReader {
 public:
  enum class Kind {
    nothing,  ///< The end, an error, or a byte that no value starts with.
    nil,
    boolean,
    unsigned_integer,
    negative_integer,
    real,
    text,
    bytes,
    array,
    map,
    extension,
  };

  explicit MsgpackReader(BytesView bytes)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  /// What the next value is; nothing is consumed.
  Kind next() const;

  /// Consumes a nil if one is next.
  bool try_nil();
  bool boolean();
  uint64_t unsigned_integer(uint64_t max = UINT64_MAX);
  int64_t integer();
  double real();  ///< Of 32 or 64 bits.
  BytesView text(size_t size_max = SIZE_MAX);
  BytesView bytes(size_t size_max = SIZE_MAX);
  /// An array's count; its values follow. Refused if they could not fit into what remains, each
  /// taking `element_bytes_min`, or are more than `count_max`.
  size_t array(size_t element_bytes_min = 1, size_t count_max = SIZE_MAX);
  size_t map(size_t count_max = SIZE_MAX);

  /// An array of at least `known` values: a tuple. Returns how many follow the known ones; the
  /// caller skips them (a newer version may have added them).
  size_t fields(size_t known);
  /// Consumes a tuple's leading format number: a greater one than `newest` is an error of kind
  /// `format`, as the rest cannot be understood.
  uint64_t format(uint64_t newest);
  /// Passes over `count` values. Nesting is limited to `limits::nesting_max`.
  void skip(size_t count = 1);
  /// One value, as it stands.
  BytesView raw();

  bool ok() const { return state_ == State::good; }
  bool at_end() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }
  /// The caller has found a value to be wrong. Keeps an earlier error.
  void refuse() { stop(State::damaged); }

  /// Ok, or an error `WHAT: offset N: …` of kind corrupt or format.
  Status status(BytesView what) const;
  /// The same, and an error if bytes are left.
  Status finish(BytesView what);

 private:
  enum class State : uint8_t { good, damaged, newer };
  struct Head {
    Kind kind = Kind::nothing;
    uint64_t number = 0;  ///< The value, its bits, or its length or count.
  };

  /// Consumes the next value's head (all of it if it has no payload). Kind::nothing on an error.
  Head head();
  /// The same, of this kind; else an error.
  Head head_of(Kind kind);
  Head head_with_number(Kind kind, unsigned width, uint64_t added = 0);
  /// Consumes a payload.
  BytesView payload(Kind kind, size_t size_max);
  size_t count(Kind kind, size_t element_bytes_min, size_t count_max);
  void skip_value(size_t depth);
  void stop(State state) {
    if (state_ == State::good) state_ = state;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  State state_ = State::good;
};

}  // namespace kv
