// What kv-node may have in memory (the setting node.memory), and how that is divided:
//
//   | beside the storage: 44 MiB, and an eighth up to 128 MiB   | storage     |
//   | the program, Merkle leaves, known puts │ requests, buffers, | what is     |
//   | (do not grow with the data)            │ gaps in memory     | left        |
//
// The storage keeps its part (storage/memory/memory_budget.h). What stands beside it is bounded,
// but not counted byte by byte: MemoryWatch looks at the process as a whole, and where that comes
// too near to its bound, what is kept free goes back to the system, and the storage's
// cache gives way.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "libkv/base/time.h"

namespace kv {

struct NodeMemory {
  uint64_t storage_bytes = 0;  ///< For EngineOptions::memory_bytes.
  size_t waiting_bytes = 0;    ///< Of writes that wait, for room or for their key.
  size_t scan_pages = 0;       ///< Read at a time.
  size_t untaken_bytes = 0;    ///< Of answers: an asker with so many gets no page of a scan.
};
/// REQUIRES: `bytes` >= limits::node_memory_bytes_min.
NodeMemory divide_node_memory(uint64_t bytes);

class MemoryWatch {
 public:
  /// `bytes_max`: what the process may have resident.
  explicit MemoryWatch(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  struct Relief {
    uint64_t withheld = 0;  ///< What the storage's cache shall do without from now on.
    bool trim = false;      ///< Engine::trim_memory() is due.
  };
  /// Takes what is resident now; to be called ten times a second or so. Both what is withheld and
  /// what is given back again follow by a part each time, as neither shows at once.
  Relief on_resident(uint64_t bytes, Instant now);
  uint64_t bytes_max() const { return bytes_max_; }
  uint64_t resident() const { return resident_; }

 private:
  const uint64_t bytes_max_;
  uint64_t resident_ = 0;
  uint64_t withheld_ = 0;
  Instant trimmed_at_{};
};

}  // namespace kv
