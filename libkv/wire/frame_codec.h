// Frames: many messages in one, for one peer.
//
//   frame     [version, cluster id, epoch, messages]
//     version     1
//     cluster id  bin of 16 bytes; nil from somebody who knows none (a client, a new member)
//     epoch       of the newest map the sender has; 0 for none
//     messages    array of messages, each [number, field, …] (protocol/messages.h)
//
// On the wire: never change. A message of an unknown number is passed over. Hostile bytes are
// refused whole: sizes, counts and nesting are limited (base/limits.h).
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/base/result.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/model/ids.h"
#include "libkv/protocol/messages.h"
#include "libkv/transport/frame.h"

namespace kv {

inline constexpr uint64_t kProtocolVersion = 1;

/// What leads every frame.
struct FrameHead {
  ClusterId cluster;
  Epoch epoch = 0;
};

/// Gathers messages into one frame. Not thread-safe.
class FrameBuilder {
 public:
  template <typename M>
  void add(const M& message);
  size_t count() const { return count_; }
  size_t bytes() const { return bytes_.size(); }
  bool empty() const { return count_ == 0; }
  /// The frame with all that was added; the builder is empty again.
  Frame take(const FrameHead& head);

 private:
  /// Room is left at the front for the longest head, so that nothing is moved at the end.
  static constexpr size_t kHeadBytesMax = 1 + 1 + 18 + 9 + 5;
  std::string bytes_;
  size_t count_ = 0;
};

/// Encodes one message: `[number, field, …]`.
template <typename M>
void encode_message(const M& message, std::string* out);
/// Decodes the fields after the number. Errors stick to the reader.
template <typename M>
void decode_fields(MsgpackReader& reader, const Frame& frame, size_t field_count, M* message);

template <typename M>
void FrameBuilder::add(const M& message) {
  if (bytes_.empty()) bytes_.assign(kHeadBytesMax, '\0');
  encode_message(message, &bytes_);
  ++count_;
}

/// Whether a handler takes messages of a type.
template <typename Handler, typename M>
concept TakesMessage = requires(Handler& handler, M message) {
  handler.on(std::move(message));
};

/// Walks a frame's messages.
class FrameParser {
 public:
  /// `frame` must outlive the parser; decoded messages keep its bytes alive by themselves.
  explicit FrameParser(const Frame& frame);
  /// Ok until the bytes are found to be wrong. `format` for a newer protocol version.
  const Status& status() const { return status_; }
  const FrameHead& head() const { return head_; }

  /// Calls `handler.on(M&&)` for each message of a type that it takes; passes over the others.
  /// Returns the status at the end. Messages before a wrong one have been handled.
  template <typename Handler>
  Status for_each(Handler&& handler);

 private:
  /// The next message's number and how many fields follow; false at the end or on an error.
  bool next(uint64_t* number, size_t* field_count);
  void check(const char* what);

  const Frame& frame_;
  MsgpackReader reader_;
  FrameHead head_;
  size_t left_ = 0;
  Status status_;
};

template <typename Handler>
Status FrameParser::for_each(Handler&& handler) {
  uint64_t number = 0;
  size_t field_count = 0;
  while (next(&number, &field_count)) {
    switch (number) {
#define KV_HANDLE_(type_number, name)                                          \
  case type_number:                                                            \
    if constexpr (TakesMessage<std::remove_reference_t<Handler>, msg::name>) { \
      msg::name message;                                                       \
      decode_fields(reader_, frame_, field_count, &message);                   \
      if (reader_.ok()) handler.on(std::move(message));                        \
    } else {                                                                   \
      reader_.skip(field_count);                                               \
    }                                                                          \
    break;
      KV_MESSAGES(KV_HANDLE_)
#undef KV_HANDLE_
      default:
        reader_.skip(field_count);
    }
    check("a message");
  }
  return status_;
}

}  // namespace kv
