// One ZMTP 3.1 connection over a plain socket, without libzmq and without threads: what a command
// uses that must start, ask one thing and end within a millisecond, and what daemons of one host
// say to each other (net/local_transport.h).
//
// One request:        connect(); send(frame, deadline); receive(deadline).
// A stream both ways: connect(), begin() or accept(); poll fd() for POLLIN and, while it
//                     wants_write(), for POLLOUT; then advance() until it is open; from then on
//                     flush() and try_receive() until it has nothing; queue() what there is to send
//                     until it says busy.
//
// Messages are single frames. Who accepts also serves a REQ socket, which writes an empty frame
// before each message and wants one before each answer; anything else of several parts it drops and
// counts. PINGs are answered as a side effect of receiving.
//
// Any error but invalid and busy from queue() or send(), and the passing of a deadline, ends the
// connection: every later call returns the same error. Only after one of writing, what the peer had
// sent before can still be received. An error says nothing about requests that were sent: the
// caller knows whether they may have been carried out.
//
// Errors name the endpoint. unavailable: nobody there, closed by the peer, or a deadline passed.
// corrupt: not ZMTP or against its rules. invalid: a frame above the limit. denied, format: see
// zmtp_socket.h and zmtp_codec.h.
//
// Not thread-safe. Received frames live on after the connection.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/base/time.h"
#include "libkv/transport/frame.h"
#include "libkv/transport/transport.h"
#include "libkv/zmtp/zmtp_codec.h"
#include "libkv/zmtp/zmtp_input.h"
#include "libkv/zmtp/zmtp_socket.h"

namespace kv {

struct ZmtpOptions {
  size_t frame_bytes_max = size_t{80} << 20;  ///< Of a message, either way.
  size_t unsent_bytes_max = size_t{4} << 20;  ///< Above this queue() says busy.
};

class ZmtpConnection {
 public:
  /// Connects, sends greeting and READY in one write, and waits for the peer's READY (libzmq closes
  /// a connection on which a message comes sooner). `clock` must outlive the connection.
  static Result<std::unique_ptr<ZmtpConnection>> connect(const Endpoint& endpoint, Clock& clock,
                                                         Instant deadline,
                                                         ZmtpOptions options = {});
  /// The same without waiting for anybody: advance() does the rest.
  static Result<std::unique_ptr<ZmtpConnection>> begin(const Endpoint& endpoint, Clock& clock,
                                                       ZmtpOptions options = {});
  /// The other side of it: `socket` was accepted from a listener at `endpoint`, and does not wait.
  static std::unique_ptr<ZmtpConnection> accept(Endpoint endpoint, StreamSocket socket,
                                                Clock& clock, ZmtpOptions options = {});
  /// Goes on with connecting and the handshake as far as it can without waiting. True: it is open.
  /// Until then no call but this one, fd() and wants_write().
  Result<bool> advance();

  /// Writes the whole frame, after what was queued before it.
  Status send(BytesView frame, Instant deadline);
  /// The next frame; writes what is queued meanwhile.
  Result<Frame> receive(Instant deadline);

  int fd() const { return socket_.fd(); }
  bool wants_write() const { return unsent_bytes() > 0; }
  /// False once the peer takes nothing any more: it is gone, or about to be.
  bool is_writable() const { return !broken_ && !unwritable_; }
  size_t unsent_bytes() const { return out_.size() - out_begin_; }
  /// Buffers a frame; nothing is written. busy: flush() first. A frame is always taken if nothing
  /// else is buffered.
  Status queue(BytesView frame);
  /// Writes what the socket takes without waiting.
  Status flush();
  /// The next frame if it has come, without waiting; reads once at most. After nothing, poll fd()
  /// before asking again.
  Result<std::optional<Frame>> try_receive();
  /// Messages dropped so far because they came in several parts.
  uint64_t dropped() const { return dropped_; }

  /// For many connections that are read in turn: an idle one keeps no room of its own. It is lent
  /// one before it is read, and gives it back unless part of a frame is in it.
  void borrow_room(ZmtpInput& spare);
  void return_room(ZmtpInput& spare);

 private:
  enum class Side { dealer, router };
  /// What is waited for.
  enum class Stage { connected, greeting, ready, nothing };
  /// Where in a message the next frame stands.
  enum class Part { first, after_delimiter, junk };

  ZmtpConnection(Side side, Endpoint endpoint, StreamSocket socket, Clock& clock,
                 ZmtpOptions options);

  Status shake_hands(Instant deadline);
  Result<bool> take_greeting();
  Result<bool> take_ready();
  Status read_some();
  Status read_more(Instant deadline);
  Result<std::optional<Frame>> next_buffered();
  Result<std::optional<ZmtpFrameHeader>> whole_frame(size_t message_bytes_max);
  bool ends_message(const ZmtpFrameHeader& header);
  Status obey(BytesView command);
  tl::unexpected<Error> broken(Error error);

  const Side side_;
  const Endpoint endpoint_;
  StreamSocket socket_;
  Clock& clock_;
  const ZmtpOptions options_;
  Stage stage_ = Stage::connected;
  ZmtpInput input_;
  std::string out_;  // Bytes before out_begin_ have been written.
  size_t out_begin_ = 0;
  bool drained_ = false;  // The last read found less than it had room for.
  Part part_ = Part::first;
  bool delimited_ = false;  // The last message came behind a delimiter.
  uint64_t dropped_ = 0;
  std::optional<Error> broken_;
  std::optional<Error> unwritable_;
};

}  // namespace kv
