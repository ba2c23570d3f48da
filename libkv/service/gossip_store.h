// What kv-gossip keeps in its metadata: its own start number, the newest decided map, the history
// of epochs, the acceptor's row, and the voters' memory of starts.
//
//   table      key            value
//   gossip     start          decimal
//              map            the newest decided map (codec/map_codec.h)
//              acceptor       [epoch, promised counter, member, accepted counter, member, map|nil]
//   history    epoch, 20 digits   [microseconds since 1970 here, reason]; the last kHistoryMax
//   starts     member, 5 digits   [incarnation, start number, [retired incarnation, …],
//                             run, knew, behind]
//
// On disk: never change. Not thread-safe.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"
#include "libkv/protocol/gossip_actions.h"

namespace kv {

/// One epoch of the past.
struct MapHistoryRow {
  Epoch epoch = 0;
  WallTime at;  ///< When this member took it, by its own clock.
  std::string reason;
};

class GossipStore {
 public:
  static constexpr size_t kHistoryMax = 256;
  struct Contents {
    uint64_t start_number = 0;
    MapPointer map;
    AcceptorRow acceptor;
    std::vector<StartRow> starts;
  };
  /// `meta` must outlive it.
  explicit GossipStore(MetaStore& meta) : meta_(meta) {}

  /// Reads everything and durably raises the start number: contents hold the raised one.
  Result<Contents> open();
  /// Durable when it returns.
  Status commit(const Persist& persist, WallTime wall);
  /// The last epochs, the oldest first.
  Result<std::vector<MapHistoryRow>> history();
  /// Adds the removal of all that a vote rests on.
  Status forget_votes(MetaTransaction* transaction);

 private:
  Result<AcceptorRow> read_acceptor();
  Result<std::vector<StartRow>> read_starts();
  Result<MapPointer> read_map();
  Result<uint64_t> read_start_number();
  Status stage(const StartsForgotten& forgotten, WallTime wall, MetaTransaction* transaction);
  static Status stage(const AcceptorRow& row, WallTime wall, MetaTransaction* transaction);
  static Status stage(const StartRow& row, WallTime wall, MetaTransaction* transaction);
  static Status stage(const OwnStartRow& row, WallTime wall, MetaTransaction* transaction);
  Status stage(const DecidedRow& row, WallTime wall, MetaTransaction* transaction);

  MetaStore& meta_;
};

}  // namespace kv
