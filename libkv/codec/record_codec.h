// Records as bytes. Decoding copies no value: a sibling's value is a window into the bytes that
// were given and keeps them alive, so who keeps a small value out of a large frame for long copies
// it. Pure.
//
// On disk and on the wire: never change; fields are only added at the end, and a decoder passes
// over those it does not know. A greater format number is refused.
//
//   record    [1, kind, context, siblings]        context: context_codec.h
//     siblings  array, sorted by dot, of
//             [packed actor, counter, client, number, attempt, flags, timestamp, expiry, value]
//               flags      1: tombstone
//               timestamp  microseconds since 1970
//               expiry     the same, or nil
//               value      bytes
//   stored    [1, record, birth, incarnation, round]        in the engine only
//               birth      nil without a birth mark
#pragma once

#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"
#include "libkv/model/mint.h"
#include "libkv/model/record.h"

namespace kv {

void encode_record(const Record& record, MsgpackWriter& writer);
/// REQUIRES: the reader reads from `owner`'s bytes. An error sticks to the reader; then the record
/// is empty.
Record decode_record(MsgpackReader& reader, const SharedBytes& owner);

std::string encode_record(const Record& record);
/// Errors: corrupt, format.
Result<Record> decode_record(const SharedBytes& bytes);

std::string encode_stored_record(const StoredRecord& stored);
/// Errors: corrupt, format.
Result<StoredRecord> decode_stored_record(const SharedBytes& bytes);

}  // namespace kv
