// Records on their way to the log, unsealed and one after another, in pieces: a group may have one
// record or thirty mebibytes of them, and none is ever moved to make room for the next. The room of
// pieces that were written is formed in again. One thread's.
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

  /// A piece has about `piece_bytes`, or one record that is larger; of so many the room is kept.
  LogRecords(size_t piece_bytes, size_t room_pieces_max)
      : piece_bytes_(piece_bytes), room_pieces_max_(room_pieces_max) {}

  void add(LogRecordKind kind, Sequence first, uint32_t count, BytesView payload);
  /// The batch shares the record of the one before it where both are small and nobody ended that.
  void add_batch(Sequence first, uint32_t count, BytesView payload);
  void end_record() { open_record_.reset(); }

  uint64_t bytes() const { return bytes_; }
  /// All of them; there are none then.
  Pieces take();
  /// What was taken and is not needed any more.
  void keep_room(Pieces pieces);
  void forget_room() { room_.clear(); }

 private:
  /// A record that begins in time may be extended behind that.
  size_t room_bytes() const { return piece_bytes_ + 2 * limits::log_shared_record_bytes; }
  std::string& piece_for(uint64_t record_bytes);

  const size_t piece_bytes_;
  const size_t room_pieces_max_;
  Pieces pieces_;
  Pieces room_;                        // Empty ones.
  uint64_t bytes_ = 0;                 // Of all pieces.
  std::optional<size_t> open_record_;  // Where the last piece's last record begins, if it is small.
};

}  // namespace kv
