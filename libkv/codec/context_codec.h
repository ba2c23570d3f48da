// Causal contexts as bytes, and as the opaque text that users keep between a get and a put.
// Pure.
//
// On disk and on the wire: never change; fields are only added at the end.
//
//   context   [actors, puts, newest]
//     actors  flat array: packed actor, counter, …      sorted by actor, counters from 1
//     puts    flat array: client, number, attempt, …    sorted by put id, attempts from 1
//     newest  microseconds since 1970                   0 unless last-write-wins
//
//   text      "kv1:" then base64url (RFC 4648, section 5, no padding) of the context's bytes
//             and the low 32 bits of their XXH3-64, little-endian
#pragma once

#include <string>

#include "libkv/base/result.h"
#include "libkv/codec/msgpack_reader.h"
#include "libkv/codec/msgpack_writer.h"
#include "libkv/model/version_vector.h"

namespace kv {

void encode_context(const CausalContext& context, MsgpackWriter& writer);
/// An error sticks to the reader; then the context is empty.
CausalContext decode_context(MsgpackReader& reader);

std::string context_to_text(const CausalContext& context);
/// White space around it is ignored. Errors: invalid (not a context, or damaged), format (made by
/// a newer version).
Result<CausalContext> context_from_text(BytesView text);

}  // namespace kv
