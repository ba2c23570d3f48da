// One libzmq socket, and its part in the loop: owned, closed by its destructor, never waited on.
//
// libzmq's descriptor (ZMQ_FD) tells edges, not levels: it is readable after something has changed
// until the change is processed, and any send or receive processes changes. So a socket may sleep
// in the poller only after a receive that found nothing, or after readable() said no, with no call
// on it since.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <zmq.h>

#include "libkv/net/zmq_message.h"

namespace kv {

class ZmqSocket {
 public:
  /// `type` is ZMQ_ROUTER or ZMQ_DEALER. is_open() tells whether there was a socket left to have.
  ZmqSocket(void* context, int type) : raw_(zmq_socket(context, type)) {}
  ~ZmqSocket() { close(); }
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  bool is_open() const { return raw_ != nullptr; }
  /// What has not been written stays for the socket's linger time. May be called twice.
  void close();

  /// REQUIRES for all below: is_open().
  void* raw() { return raw_; }
  /// Sets an option whose value is valid by construction; anything else is a bug and aborts.
  void set(int option, int value);
  void set(int option, int64_t value);
  void set(int option, std::chrono::milliseconds value);
  /// What the poller waits on.
  int fd();
  /// Whether a message waits.
  bool readable();

  enum class Outcome { done, would_block, unreachable };
  /// Hands a part over; on anything but done the message is unchanged.
  Outcome send(ZmqMessage& part, bool more);
  /// Receives a part; would_block: there is none.
  Outcome receive(ZmqMessage& part);

  // The transport's bookkeeping.
  uint64_t token = 0;    ///< Its number in the poller.
  bool listed = false;   ///< Waits in the transport's list of readable sockets.
  bool touched = false;  ///< Was sent on since the poller was last asked.

 private:
  void* raw_;
};

}  // namespace kv
