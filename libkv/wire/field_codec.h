// How each type of a message's field stands in msgpack. A message's own list of fields
// (`KV_FIELDS`) is walked by both classes, so that encoder and decoder cannot disagree.
//
//   unsigned, enum     integer           Duration    integer, microseconds
//   bool               boolean           WallTime    integer, microseconds since 1970
//   std::string, SharedBytes  bin (a str is accepted, too)
//   Hash128, ClusterId        bin of 16 bytes, big-endian
//   PutId, PartitionKey, pair array of 2
//   vector                    array      struct      array of its fields
//   Record, CausalContext     codec/record_codec.h, codec/context_codec.h
//   map pointer               bin (codec/map_codec.h), or nil
//
// On the wire: never change. A struct's array may be longer than is known: the rest is passed over;
// shorter is refused.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "libkv/base/hash.h"
#include "libkv/base/time.h"
#include "libkv/codec/context_codec.h"
#include "libkv/codec/map_codec.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"
#include "libkv/codec/record_codec.h"
#include "libkv/codec/report_codec.h"
#include "libkv/protocol/messages.h"

namespace kv {

class FieldWriter {
 public:
  explicit FieldWriter(MsgpackWriter& writer) : writer_(writer) {}

  template <typename... Fields>
  void operator()(const Fields&... fields) {
    (write(fields), ...);
  }
  /// A message or struct: an array of its fields, led by `lead` if it is not negative.
  template <typename Struct>
  void write_struct(const Struct& value, int lead = -1) {
    Struct::fields(value, [&](const auto&... fields) {
      writer_.array(sizeof...(fields) + (lead < 0 ? 0 : 1));
      if (lead >= 0) writer_.unsigned_integer(static_cast<uint64_t>(lead));
      (write(fields), ...);
    });
  }

 private:
  void write(bool value) { writer_.boolean(value); }
  void write(const std::string& value) { writer_.bytes(value); }
  void write(const SharedBytes& value) { writer_.bytes(value.view()); }
  void write(Duration value) { writer_.integer(microseconds_of(value)); }
  void write(WallTime value) { writer_.integer(microseconds_of(value)); }
  void write(const Hash128& value) { write_pair_of_words(value.high, value.low); }
  void write(const ClusterId& value) { write_pair_of_words(value.high, value.low); }
  void write(const PutId& value) {
    writer_.array(2);
    writer_.unsigned_integer(value.client);
    writer_.unsigned_integer(value.number);
  }
  void write(const PartitionKey& value) {
    writer_.array(2);
    writer_.unsigned_integer(value.placement);
    writer_.unsigned_integer(value.partition);
  }
  void write(const CausalContext& value) { encode_context(value, writer_); }
  void write(const Record& value) { encode_record(value, writer_); }
  void write(const Report& value) { encode_report(value, writer_); }
  void write(const MapPointer& value);
  void write(const MemberInfo& value);
  template <typename A, typename B>
  void write(const std::pair<A, B>& value) {
    writer_.array(2);
    write(value.first);
    write(value.second);
  }
  template <typename T>
  void write(const std::vector<T>& values) {
    writer_.array(values.size());
    for (const T& value : values) write(value);
  }
  template <typename T>
  void write(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      writer_.unsigned_integer(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_unsigned_v<T>) {
      writer_.unsigned_integer(value);
    } else {
      write_struct(value);
    }
  }
  void write_pair_of_words(uint64_t high, uint64_t low);

  MsgpackWriter& writer_;
};

/// Reads what FieldWriter wrote. The reader keeps the first error; values are then empty.
class FieldReader {
 public:
  /// REQUIRES: the reader reads from `owner`'s bytes; views into it are kept alive by it.
  FieldReader(MsgpackReader& reader, const SharedBytes& owner) : reader_(reader), owner_(owner) {}

  /// A message whose array head (of `count` values) and leading number were read already.
  template <typename Struct>
  void read_fields(Struct& value, size_t count) {
    Struct::fields(value, [&](auto&... fields) {
      if (count < sizeof...(fields)) {
        reader_.refuse();
        return;
      }
      (read(fields), ...);
      reader_.skip(count - sizeof...(fields));
    });
  }

 private:
  template <typename Struct>
  void read_struct(Struct& value) {
    Struct::fields(value, [&](auto&... fields) {
      const size_t extra = reader_.fields(sizeof...(fields));
      (read(fields), ...);
      reader_.skip(extra);
    });
  }

  void read(bool& value) { value = reader_.boolean(); }
  void read(std::string& value) { value = std::string(bytes_or_text()); }
  void read(SharedBytes& value) { value = owner_.slice(bytes_or_text()); }
  void read(Duration& value);
  void read(WallTime& value) { value = wall_time_of(reader_.integer()); }
  void read(Hash128& value) { read_pair_of_words(&value.high, &value.low); }
  void read(ClusterId& value) { read_pair_of_words(&value.high, &value.low); }
  void read(PutId& value);
  void read(PartitionKey& value);
  void read(CausalContext& value) { value = decode_context(reader_); }
  void read(Record& value) { value = decode_record(reader_, owner_); }
  void read(Report& value) { value = decode_report(reader_); }
  void read(MapPointer& value);
  void read(MemberInfo& value);
  template <typename A, typename B>
  void read(std::pair<A, B>& value) {
    const size_t extra = reader_.fields(2);
    read(value.first);
    read(value.second);
    reader_.skip(extra);
  }
  template <typename T>
  void read(std::vector<T>& values) {
    // Elements are appended one by one, so a count costs no memory before its bytes are there.
    const size_t count = reader_.array();
    values.clear();
    for (size_t i = 0; i < count && reader_.ok(); ++i) read(values.emplace_back());
  }
  template <typename T>
  void read(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(reader_.unsigned_integer(enum_max(T{})));
    } else if constexpr (std::is_unsigned_v<T>) {
      value = static_cast<T>(reader_.unsigned_integer(static_cast<T>(~T{0})));
    } else {
      read_struct(value);
    }
  }
  static constexpr uint64_t enum_max(PutMode) { return static_cast<uint64_t>(PutMode::sibling); }
  static constexpr uint64_t enum_max(Answer) { return 0xff; }
  static constexpr uint64_t enum_max(DaemonKind) { return kDaemonKinds - 1; }
  static constexpr uint64_t enum_max(Liveness) { return static_cast<uint64_t>(Liveness::down); }
  BytesView bytes_or_text();
  void read_pair_of_words(uint64_t* high, uint64_t* low);

  MsgpackReader& reader_;
  const SharedBytes& owner_;
};

}  // namespace kv
