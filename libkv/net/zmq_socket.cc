#include "libkv/net/zmq_socket.h"

#include <cerrno>

#include "libkv/base/assert.h"

namespace kv {

void ZmqSocket::close() {
  if (raw_ == nullptr) return;
  zmq_close(raw_);
  raw_ = nullptr;
}

void ZmqSocket::set(int option, int value) {
  KV_ASSERT(zmq_setsockopt(raw_, option, &value, sizeof value) == 0);
}

void ZmqSocket::set(int option, int64_t value) {
  KV_ASSERT(zmq_setsockopt(raw_, option, &value, sizeof value) == 0);
}

void ZmqSocket::set(int option, std::chrono::milliseconds value) {
  set(option, static_cast<int>(value.count()));
}

int ZmqSocket::fd() {
  int fd = -1;
  size_t size = sizeof fd;
  KV_ASSERT(zmq_getsockopt(raw_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

bool ZmqSocket::readable() {
  int events = 0;
  size_t size = sizeof events;
  while (zmq_getsockopt(raw_, ZMQ_EVENTS, &events, &size) != 0) KV_ASSERT(errno == EINTR);
  return (events & ZMQ_POLLIN) != 0;
}

ZmqSocket::Outcome ZmqSocket::send(ZmqMessage& part, bool more) {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  while (zmq_msg_send(part.raw(), raw_, flags) < 0) {
    if (errno == EAGAIN) return Outcome::would_block;
    if (errno == EHOSTUNREACH) return Outcome::unreachable;
    KV_ASSERT(errno == EINTR);
  }
  return Outcome::done;
}

ZmqSocket::Outcome ZmqSocket::receive(ZmqMessage& part) {
  while (zmq_msg_recv(part.raw(), raw_, ZMQ_DONTWAIT) < 0) {
    if (errno == EAGAIN) return Outcome::would_block;
    KV_ASSERT(errno == EINTR);
  }
  return Outcome::done;
}

}  // namespace kv
