// The connection to one coordinator: made without ever waiting, left alone for a while once it has
// failed, and what is gathered to be sent over it.
//
//   closed ── reach() ───────────────▶ connecting ── advance() ──▶ open
//     ▲   (once the pause is over)          │                       │
//     └── refused, not kv, no word in 10 s ─┴── broken ─────────────┘
//
// The kernel takes connections in the name of a process that is stopped. So one that says nothing
// for a moment is *silent*: whoever has another coordinator to ask does so, while this one is
// listened for in case it wakes up.
//
// Every error closes it and drops what was gathered. Not thread-safe.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include <poll.h>

#include "libkv/base/environment.h"
#include "libkv/wire/frame_codec.h"
#include "libkv/zmtp/zmtp_connection.h"

namespace kv {

class CoordinatorLink {
 public:
  /// For so long it is worth waiting for a word of one coordinator before another is asked.
  static constexpr Duration kSilence = 200ms;

  /// `clock` must outlive it.
  CoordinatorLink(Endpoint endpoint, Clock& clock)
      : endpoint_(std::move(endpoint)), clock_(clock) {}

  /// Begins to connect if it is closed. Errors: why there is no connection; within the pause after
  /// a failure, that failure's.
  Status reach();
  bool is_open() const { return is_open_; }
  bool is_connecting() const { return link_ && !is_open_; }
  /// Whether asking here may well be answered: it is open, or neither silent nor in its pause.
  bool is_hopeful() const;
  /// What is said of one that was not waited for any longer.
  Error silence() const { return {ErrorKind::unavailable, endpoint_ + ": no answer in time"}; }
  /// Goes on with connecting. True: it has just become open.
  Result<bool> advance();

  /// Of an open one: for the next frame.
  template <typename Message>
  void gather(const Message& message);
  /// Writes what was gathered, as far as the socket takes it.
  Status flush();
  Result<std::optional<Frame>> try_receive();

  /// What to wait for; nothing if it is closed.
  std::optional<pollfd> awaited() const;

 private:
  Status write();
  tl::unexpected<Error> failed(Error why);
  void close();

  const Endpoint endpoint_;
  Clock& clock_;
  std::unique_ptr<ZmtpConnection> link_;
  bool is_open_ = false;
  Instant begun_{};           ///< Connecting.
  Instant pause_end_{};       ///< After a failure to connect.
  Duration pause_{};          ///< The last one; doubles.
  std::optional<Error> why_;  ///< The last such failure, until it is open again.
  FrameBuilder gathered_;
  std::deque<Frame> waiting_;  ///< For room in the link's buffer.
};

template <typename Message>
void CoordinatorLink::gather(const Message& message) {
  gathered_.add(message);
  if (gathered_.bytes() >= limits::frame_bytes_target) waiting_.push_back(gathered_.take({}));
}

}  // namespace kv
