// A hint as it lies in the engine: a record kept for others, apart from the member's own data.
//
// On disk: never change.
//   format (1 byte, 1) | owners (2 bytes, big-endian) | owner (2 bytes each, big-endian, sorted) |
//   stored record (codec/record_codec.h)
// Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"
#include "libkv/model/mint.h"

namespace kv {

struct StoredHint {
  std::vector<MemberNumber> owners;  ///< Who has not yet acknowledged it; sorted.
  StoredRecord stored;

  /// Adds owners; true if any was new.
  bool join_owners(const std::vector<MemberNumber>& more);
  friend bool operator==(const StoredHint&, const StoredHint&) = default;
};

std::string encode_stored_hint(const StoredHint& hint);
/// Errors: corrupt, format.
Result<StoredHint> decode_stored_hint(const SharedBytes& bytes);

/// A row of the engine that is to be a hint: its key must parse, too.
struct HintRow {
  KeyspaceId keyspace = 0;
  SharedBytes name;
  StoredHint hint;
};
Result<HintRow> decode_hint_row(BytesView key, BytesView value);

/// What a walk met and could not read, to be told of on the loop.
struct UnreadableHints {
  std::vector<std::pair<std::string, Error>> rows;  ///< That do not decode.
  std::vector<Error> blocks;                        ///< That fail their checksum.

  /// Notes the row, up to a bound. True, for the walk to go on.
  bool pass_over(BytesView key, const Error& error);
};

}  // namespace kv
