// Reads of files that the kernel carries out while the loop goes on, without a thread: a ring of
// requests and a ring of completions that both share (io_uring: Axboe, "Efficient IO with
// io_uring", 2019). What one turn of the loop asks for is submitted by few system calls.
//
//     loop ── begin() … begin(), submit() ──▶ kernel ──▶ wake_fd becomes readable ──▶ reap()
//
// Bounds: limits::ring_reads_max reads at a time, of limits::ring_read_bytes_max each.
// Threading: one thread's, the loop's. The memory that the kernel fills is the ring's own until a
// read is over, whatever becomes of who asked for it.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "libkv/base/environment.h"

namespace kv {

class ReadRing {
 public:
  using Completions = std::deque<std::function<void()>>;

  /// Waits for the reads that go on, and drops their completions.
  virtual ~ReadRing() = default;

  /// As Executor::begin_read(); but the read may not go on before submit(). False also once the
  /// kernel takes no reads any more.
  virtual bool begin(std::shared_ptr<FileRead> read, std::function<void()> done) = 0;
  /// What was begun reaches the kernel. What the kernel does not take is over with this, without
  /// its bytes. False: that happened, and reap() has their completions, of which wake_fd does not
  /// tell.
  virtual bool submit() = 0;
  /// Appends the completions of the reads that are over. Waits for nothing.
  virtual void reap(Completions& completions) = 0;
  /// The same, until `read` is over.
  virtual void finish(const FileRead& read, Completions& completions) = 0;
};

/// Null where the kernel has none, or this process may not use it, or this program was built
/// without liburing. `wake_fd`, an eventfd, is readable whenever reap() may have something.
std::unique_ptr<ReadRing> open_read_ring(int wake_fd);

}  // namespace kv
