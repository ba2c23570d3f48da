// Records on their way to the log, unsealed and one after another, in pieces of about a mebibyte: a
// group may have one record or thirty mebibytes of them, and none is ever moved to make room for the
// next. Room that was written is formed in again. One thread's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libkv/base/limits.h"
#include "libkv/storage/log/log_segment.h"

namespace kv {

class LogRecords {
 public:
  /// None of them is empty, and no record is in two.
  using Pieces = std::vector<std::string>;

  /// Keeps so many pieces' room at most.
  explicit LogRecords(size_t room_pieces_max) : room_pieces_max_(room_pieces_max) {}

  void add(LogRecordKind kind, Sequence first, uint32_t count, BytesView payload);
  /// The batch shares the record of the one before it where both are small and nobody ended that.
  void add_batch(Sequence first, uint32_t count, BytesView payload);
  void end_record() { open_record_.reset(); }

  uint64_t bytes() const { return bytes_; }
  /// All of them; there are none then.
  Pieces take();
  void clear() { keep_room(take()); }
  /// What was taken and is not needed any more.
  void keep_room(Pieces pieces);

 private:
  static constexpr size_t kPieceBytes = limits::log_unsynced_bytes_max;
  /// A record that begins in time may be extended behind that.
  static constexpr size_t kRoomBytes = kPieceBytes + 2 * limits::log_shared_record_bytes;

  std::string& piece_for(uint64_t record_bytes);

  const size_t room_pieces_max_;
  Pieces pieces_;
  Pieces room_;                        // Empty ones.
  uint64_t bytes_ = 0;                 // Of all pieces.
  std::optional<size_t> open_record_;  // Where the last piece's last record begins, if it is small.
};

}  // namespace kv
