#include "libkv/net/zmq_message.h"

#include <cstring>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

namespace {

/// What keeps a frame alive while libzmq writes it.
struct Loan {
  Frame frame;
  ByteCount peer_unsent;
  ByteCount all_unsent;
};

void give_back(void*, void* hint) {
  const std::unique_ptr<Loan> loan(static_cast<Loan*>(hint));
  *loan->peer_unsent -= loan->frame.size();
  *loan->all_unsent -= loan->frame.size();
}

}  // namespace

Frame frame_of(std::shared_ptr<ZmqMessage> message) {
  const BytesView view = message->view();
  return Frame(std::move(message), view);
}

void copy_into(ZmqMessage& message, BytesView frame) {
  zmq_msg_close(message.raw());
  KV_ASSERT(zmq_msg_init_size(message.raw(), frame.size()) == 0);  // Fails only without memory.
  if (!frame.empty()) std::memcpy(zmq_msg_data(message.raw()), frame.data(), frame.size());
}

void share_into(ZmqMessage& message, Frame frame, const ByteCount& peer_unsent,
                const ByteCount& all_unsent) {
  *peer_unsent += frame.size();
  *all_unsent += frame.size();
  auto loan = std::make_unique<Loan>(Loan{std::move(frame), peer_unsent, all_unsent});
  // libzmq only reads what it sends; its signature merely lacks the const.
  char* bytes = const_cast<char*>(loan->frame.data());
  const size_t size = loan->frame.size();
  zmq_msg_close(message.raw());
  KV_ASSERT(zmq_msg_init_data(message.raw(), bytes, size, give_back, loan.release()) == 0);
}

}  // namespace kv
