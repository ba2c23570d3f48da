#include <algorithm>
#include <array>
#include <vector>

#include <liburing.h>

#include "libkv/base/aligned_buffers.h"
#include "libkv/base/assert.h"
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
  std::shared_ptr<char> buffer;
  size_t before = 0;  // So many bytes of the buffer lie before the wanted ones.
};

/// What the device says of the file. Anything else may be the ring's, or of this moment: a thread
/// will read then, and tell its own error.
bool is_of_the_file(int code) {
  return code == EIO;
}

class UringReadRing final : public ReadRing {
 public:
  UringReadRing() {
    for (size_t i = slots_.size(); i > 0; --i) free_.push_back(i - 1);
  }
  ~UringReadRing() override {
    if (!is_open_) return;
    Completions dropped;
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
    if (!raw || raw->alignment > kFilePageBytes || free_.empty() ||
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
    slots_[free_.back()] = {std::move(read), std::move(done), std::move(buffer), before};
    free_.pop_back();
    if (io_uring_sq_ready(&ring_) >= kSubmittedTogether) (void)submit();
    return true;
  }

  bool submit() override {
    if (io_uring_sq_ready(&ring_) > 0) (void)io_uring_submit(&ring_);
    return io_uring_sq_ready(&ring_) == 0;
  }

  void reap(Completions& completions) override {
    std::array<io_uring_cqe*, 64> entries{};
    for (;;) {
      const unsigned count = io_uring_peek_batch_cqe(&ring_, entries.data(), entries.size());
      for (unsigned i = 0; i < count; ++i)
        completions.push_back(end(static_cast<size_t>(entries[i]->user_data), entries[i]->res));
      io_uring_cq_advance(&ring_, count);
      if (count < entries.size()) return;
    }
  }

  void finish(const FileRead& read, Completions& completions) override {
    while (!read.is_over) wait(completions);
  }

 private:
  void wait(Completions& completions) {
    const int waited = io_uring_submit_and_wait(&ring_, 1);
    KV_ASSERT(waited >= 0 || waited == -EINTR || waited == -EAGAIN || waited == -EBUSY);
    reap(completions);
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

  io_uring ring_{};
  bool is_open_ = false;
  const std::shared_ptr<AlignedBuffers> buffers_ = std::make_shared<AlignedBuffers>();
  std::array<Slot, limits::ring_reads_max> slots_;
  std::vector<size_t> free_;  // Of slots_.
};

}  // namespace

std::unique_ptr<ReadRing> open_read_ring(int wake_fd) {
  auto ring = std::make_unique<UringReadRing>();
  if (!ring->open(wake_fd)) return nullptr;
  return ring;
}

}  // namespace kv
