// libzmq's messages as Frames and Frames as libzmq's messages, without copying what is large.
//
// A received Frame owns its zmq_msg_t. libzmq cuts small messages out of a shared 8 KiB buffer, so
// such a frame keeps up to 8 KiB alive: who keeps a small one for long copies it.
#pragma once

#include <memory>

#include <zmq.h>

#include "libkv/net/inbound_peers.h"
#include "libkv/transport/frame.h"

namespace kv {

/// A zmq_msg_t that stays where it is: small messages lie inside it.
class ZmqMessage {
 public:
  ZmqMessage() { zmq_msg_init(&raw_); }
  ~ZmqMessage() { zmq_msg_close(&raw_); }
  ZmqMessage(const ZmqMessage&) = delete;
  ZmqMessage& operator=(const ZmqMessage&) = delete;

  zmq_msg_t* raw() { return &raw_; }
  bool more() { return zmq_msg_more(&raw_) != 0; }
  BytesView view() { return {static_cast<const char*>(zmq_msg_data(&raw_)), zmq_msg_size(&raw_)}; }

 private:
  zmq_msg_t raw_;
};

/// The bytes of `message`, which they keep alive.
Frame frame_of(std::shared_ptr<ZmqMessage> message);

/// Fills `message` with a copy of `frame`.
void copy_into(ZmqMessage& message, BytesView frame);

/// Makes `message` refer to the bytes of `frame`, which stay alive until libzmq is done: then both
/// counts fall by its size and it is released, on libzmq's thread. Raises both counts.
void share_into(ZmqMessage& message, Frame frame, const ByteCount& peer_unsent,
                const ByteCount& all_unsent);

}  // namespace kv
