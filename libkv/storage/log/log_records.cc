#include "libkv/storage/log/log_records.h"

#include <algorithm>
#include <utility>

namespace kv {

void LogRecords::add(LogRecordKind kind, Sequence first, uint32_t count, BytesView payload) {
  end_record();
  const uint64_t record_bytes = log_record_bytes(payload.size());
  append_unsealed_record(piece_for(record_bytes), kind, first, count, payload);
  bytes_ += record_bytes;
}

void LogRecords::add_batch(Sequence first, uint32_t count, BytesView payload) {
  const bool shares = open_record_ && pieces_.back().size() - *open_record_ + payload.size() <=
                                          limits::log_shared_record_bytes;
  if (!shares) {
    add(LogRecordKind::batch, first, count, payload);
    open_record_ = pieces_.back().size() - static_cast<size_t>(log_record_bytes(payload.size()));
    return;
  }
  std::string& piece = pieces_.back();
  const size_t before = piece.size();
  extend_unsealed_record(piece, *open_record_, count, payload);
  bytes_ += piece.size() - before;
}

std::string& LogRecords::piece_for(uint64_t record_bytes) {
  if (!pieces_.empty() && pieces_.back().size() + record_bytes <= piece_bytes_)
    return pieces_.back();
  if (room_.empty()) {
    pieces_.emplace_back();
  } else {
    pieces_.push_back(std::move(room_.back()));
    room_.pop_back();
  }
  pieces_.back().reserve(std::max(room_bytes(), static_cast<size_t>(record_bytes)));
  return pieces_.back();
}

LogRecords::Pieces LogRecords::take() {
  end_record();
  bytes_ = 0;
  return std::exchange(pieces_, {});
}

void LogRecords::keep_room(Pieces pieces) {
  for (std::string& piece : pieces) {
    if (room_.size() >= room_pieces_max_) return;
    if (piece.capacity() > room_bytes()) continue;  // A large record's.
    piece.clear();
    room_.push_back(std::move(piece));
  }
}

}  // namespace kv
