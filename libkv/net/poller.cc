#include "libkv/net/poller.h"

#include <algorithm>
#include <cerrno>

#include <sys/epoll.h>
#include <unistd.h>

#include "libkv/base/assert.h"

namespace kv {

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
  KV_ASSERT(fd_ >= 0);
}

Poller::~Poller() {
  close(fd_);
}

bool Poller::add(int fd, uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = token;
  if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0) return true;
  KV_ASSERT(errno == ENOSPC || errno == ENOMEM);
  return false;
}

void Poller::remove(int fd) {
  KV_ASSERT(epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr) == 0);
}

void Poller::watch_writes(int fd, uint64_t token, bool wanted) {
  epoll_event event{};
  event.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = token;
  KV_ASSERT(epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event) == 0);
}

std::span<const uint64_t> Poller::wait(Duration limit) {
  // Rounded up: waking before the deadline would turn the loop once in vain.
  const Duration bounded = std::clamp<Duration>(limit, Duration::zero(), 60s);
  const auto limit_ms = std::chrono::ceil<std::chrono::milliseconds>(bounded);
  std::array<epoll_event, kTokensMax> events;
  const int count = epoll_wait(fd_, events.data(), static_cast<int>(events.size()),
                               static_cast<int>(limit_ms.count()));
  KV_ASSERT(count >= 0 || errno == EINTR);
  const size_t found = count > 0 ? static_cast<size_t>(count) : 0;
  for (size_t i = 0; i < found; ++i) tokens_[i] = events[i].data.u64;
  return std::span(tokens_).first(found);
}

}  // namespace kv
