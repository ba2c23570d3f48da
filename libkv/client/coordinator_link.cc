#include "libkv/client/coordinator_link.h"

#include <algorithm>

namespace kv {

namespace {
constexpr Duration kConnectTimeout = 10s;
/// Between two attempts to connect that failed; doubles.
constexpr Duration kPauseMin = 10ms;
constexpr Duration kPauseMax = 250ms;
}  // namespace

Status CoordinatorLink::reach() {
  if (link_) return {};
  const Instant now = clock_.now();
  if (why_ && now < pause_end_) return fail(*why_);
  auto begun = ZmtpConnection::begin(endpoint_, clock_);
  if (!begun) return failed(begun.error());
  link_ = std::move(*begun);
  begun_ = now;
  return {};
}

bool CoordinatorLink::is_hopeful() const {
  if (is_open_) return true;
  const Instant now = clock_.now();
  return link_ ? now < begun_ + kSilence : !why_ || now >= pause_end_;
}

Result<bool> CoordinatorLink::advance() {
  if (!is_connecting()) return false;
  const Result<bool> done = link_->advance();
  if (!done) return failed(done.error());
  if (!*done && clock_.now() >= begun_ + kConnectTimeout) return failed(silence());
  is_open_ = *done;
  if (is_open_) {
    why_.reset();
    pause_ = Duration::zero();
  }
  return is_open_;
}

tl::unexpected<Error> CoordinatorLink::failed(Error why) {
  close();
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  pause_end_ = clock_.now() + pause_;
  why_ = why;
  return fail(std::move(why));
}

void CoordinatorLink::close() {
  link_.reset();
  is_open_ = false;
  gathered_ = {};
  waiting_.clear();
}

Status CoordinatorLink::flush() {
  if (!is_open_) return {};
  if (!gathered_.empty()) waiting_.push_back(gathered_.take({}));
  const Status written = write();
  if (!written) close();
  return written;
}

// A full buffer is no fault: what does not fit waits until the socket has taken some.
Status CoordinatorLink::write() {
  while (!waiting_.empty()) {
    const Status queued = link_->queue(waiting_.front().view());
    if (!queued && queued.error().kind != ErrorKind::busy) return queued;
    if (queued) {
      waiting_.pop_front();
      continue;
    }
    const size_t before = link_->unsent_bytes();
    KV_TRY(link_->flush());
    if (link_->unsent_bytes() == before) return {};
  }
  return link_->wants_write() ? link_->flush() : Status{};
}

Result<std::optional<Frame>> CoordinatorLink::try_receive() {
  if (!is_open_) return std::nullopt;
  Result<std::optional<Frame>> frame = link_->try_receive();
  if (!frame) close();
  return frame;
}

std::optional<pollfd> CoordinatorLink::awaited() const {
  if (!link_) return std::nullopt;
  return pollfd{link_->fd(), static_cast<short>(link_->wants_write() ? POLLIN | POLLOUT : POLLIN),
                0};
}

}  // namespace kv
