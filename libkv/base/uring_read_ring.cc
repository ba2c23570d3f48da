#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include <liburing.h>

#include "libkv/base/aligned_buffers.h"
#include "libkv/base/limits.h"
#include "libkv/base/posix_error.h"
#include "libkv/base/read_ring.h"

namespace kv {

namespace {

/// Submitted without waiting for the turn's end: the device works while the loop goes on.
constexpr unsigned kSubmittedTogether = 4;

/// A read that the kernel has, or is about to get.
struct Slot {
  std::shared_ptr<FileRead> read;
  std::function<void()> done;
  io_uring_sqe* entry = nullptr;  // Ours until it is submitted.
  std::shared_ptr<char> buffer;
  size_t before = 0;  // So many bytes of the buffer lie before the wanted ones.
};

/// What the device says of the file. Anything else may be the ring's, or of this moment: a thread
/// will read then, and tell its own error.
bool is_of_the_file(int code) {
  return code == EIO;
}

/// What may keep the kernel from taking requests now, and not the next time.
bool is_of_this_moment(int code) {
  return code == EAGAIN || code == EBUSY || code == EINTR || code == ENOMEM;
}

class UringReadRing final : public ReadRing {
 public:
  UringReadRing() {
    for (size_t i = slots_.size(); i > 0; --i) free_.push_back(i - 1);
  }
  ~UringReadRing() override {
    if (!is_open_) return;
    Completions dropped;
    (void)submit();
    while (free_.size() < slots_.size()) wait(dropped);
    io_uring_queue_exit(&ring_);
  }

  bool open(int wake_fd) {
    io_uring_params parameters{};
    // The loop looks for completions itself: nothing need interrupt it for them.
    parameters.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    is_open_ = io_uring_queue_init_params(limits::ring_reads_max, &ring_, &parameters) == 0;
    return is_open_ && io_uring_register_eventfd(&ring_, wake_fd) == 0;
  }

  bool begin(std::shared_ptr<FileRead> read, std::function<void()> done) override {
    const auto raw = read->file->raw();
    if (!takes_reads_ || !raw || raw->alignment > kFilePageBytes || free_.empty() ||
        read->length > limits::ring_read_bytes_max)
      return false;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry == nullptr) return false;
    const uint64_t begin = read->offset / raw->alignment * raw->alignment;
    const auto before = static_cast<size_t>(read->offset - begin);
    const size_t whole =
        (before + read->length + raw->alignment - 1) / raw->alignment * raw->alignment;
    auto buffer = buffers_->take(whole);
    io_uring_prep_read(entry, raw->descriptor, buffer.get(), static_cast<unsigned>(whole), begin);
    entry->user_data = free_.back();
    slots_[free_.back()] = {std::move(read), std::move(done), entry, std::move(buffer), before};
    begun_.push_back(free_.back());
    free_.pop_back();
    if (io_uring_sq_ready(&ring_) >= kSubmittedTogether) (void)submit();
    return true;
  }

  bool submit() override {
    int taken = 1;
    while (taken > 0 && io_uring_sq_ready(&ring_) > 0) taken = io_uring_submit(&ring_);
    if (taken < 0 && !is_of_this_moment(-taken)) takes_reads_ = false;
    withdraw(std::min<size_t>(begun_.size(), io_uring_sq_ready(&ring_)));
    begun_.clear();
    return withdrawn_.empty();
  }

  void reap(Completions& completions) override {
    for (auto& done : withdrawn_) completions.push_back(std::move(done));
    withdrawn_.clear();
    std::array<io_uring_cqe*, 64> entries{};
    for (;;) {
      const unsigned count = io_uring_peek_batch_cqe(&ring_, entries.data(), entries.size());
      for (unsigned i = 0; i < count; ++i) {
        const auto number = static_cast<size_t>(entries[i]->user_data);
        if (number != kNoSlot) completions.push_back(end(number, entries[i]->res));
      }
      io_uring_cq_advance(&ring_, count);
      if (count < entries.size()) return;
    }
  }

  void finish(const FileRead& read, Completions& completions) override {
    (void)submit();
    reap(completions);
    while (!read.is_over) wait(completions);
  }

 private:
  /// REQUIRES: something was submitted that is not over. The kernel ends what it took, whether it
  /// lets us wait for that or not.
  void wait(Completions& completions) {
    io_uring_cqe* entry = nullptr;
    if (io_uring_wait_cqe(&ring_, &entry) < 0) std::this_thread::sleep_for(1ms);
    reap(completions);
  }

  /// Ends the last `count` of those begun, which the kernel did not take, as reads of nothing. To
  /// try them again could go on for ever. Their requests, which it may take yet, do nothing.
  void withdraw(size_t count) {
    for (size_t i = begun_.size() - count; i < begun_.size(); ++i) {
      io_uring_sqe* const entry = slots_[begun_[i]].entry;
      io_uring_prep_nop(entry);
      entry->user_data = kNoSlot;
      withdrawn_.push_back(end(begun_[i], 0));
    }
  }

  std::function<void()> end(size_t number, int result) {
    Slot slot = std::move(slots_[number]);
    slots_[number] = Slot();
    free_.push_back(number);
    FileRead& read = *slot.read;
    if (result < 0 && is_of_the_file(-result)) {
      read.bytes = fail(posix_error(std::string(read.file->raw()->path), "read", -result));
    } else if (static_cast<size_t>(std::max(result, 0)) > slot.before) {
      const BytesView whole(slot.buffer.get(), static_cast<size_t>(result));
      read.bytes = SharedBytes(std::move(slot.buffer), whole.substr(slot.before, read.length));
    } else {
      read.bytes = SharedBytes();
    }
    read.is_over = true;
    read.file.reset();
    return std::move(slot.done);
  }

  static constexpr size_t kNoSlot = limits::ring_reads_max;

  io_uring ring_{};
  bool is_open_ = false;
  bool takes_reads_ = true;  // Until the kernel says that it never will.
  const std::shared_ptr<AlignedBuffers> buffers_ = std::make_shared<AlignedBuffers>();
  std::array<Slot, limits::ring_reads_max> slots_;
  std::vector<size_t> free_;   // Of slots_.
  std::vector<size_t> begun_;  // Of slots_: those not submitted, in the order of their requests.
  Completions withdrawn_;
};

}  // namespace

std::unique_ptr<ReadRing> open_read_ring(int wake_fd) {
  auto ring = std::make_unique<UringReadRing>();
  if (!ring->open(wake_fd)) return nullptr;
  return ring;
}

}  // namespace kv
