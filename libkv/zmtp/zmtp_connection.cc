#include "libkv/zmtp/zmtp_connection.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace kv {

namespace {

/// What an empty buffer keeps for the next frames.
constexpr size_t kKeptBytesMax = size_t{32} << 10;

/// What a DEALER may be connected to.
bool is_server_type(BytesView socket_type) {
  return socket_type == "ROUTER" || socket_type == "DEALER" || socket_type == "REP";
}

/// What may be connected to a ROUTER.
bool is_client_type(BytesView socket_type) {
  return socket_type == "ROUTER" || socket_type == "DEALER" || socket_type == "REQ";
}

Error late() {
  return Error{ErrorKind::unavailable, "no answer in time"};
}

}  // namespace

ZmtpConnection::ZmtpConnection(Side side, Endpoint endpoint, StreamSocket socket, Clock& clock,
                               ZmtpOptions options)
    : side_(side),
      endpoint_(std::move(endpoint)),
      socket_(std::move(socket)),
      clock_(clock),
      options_(options),
      stage_(side == Side::dealer ? Stage::connected : Stage::greeting),
      out_(zmtp_greeting() + zmtp_ready(side == Side::dealer ? "DEALER" : "ROUTER")) {}

Result<std::unique_ptr<ZmtpConnection>> ZmtpConnection::connect(const Endpoint& endpoint,
                                                                Clock& clock, Instant deadline,
                                                                ZmtpOptions options) {
  KV_ASSIGN(StreamSocket socket, connect_stream(endpoint, clock, deadline));
  std::unique_ptr<ZmtpConnection> out(
      new ZmtpConnection(Side::dealer, endpoint, std::move(socket), clock, options));
  KV_TRY(out->shake_hands(deadline));
  return out;
}

Result<std::unique_ptr<ZmtpConnection>> ZmtpConnection::begin(const Endpoint& endpoint,
                                                              Clock& clock, ZmtpOptions options) {
  KV_ASSIGN(StreamSocket socket, begin_stream(endpoint));
  return std::unique_ptr<ZmtpConnection>(
      new ZmtpConnection(Side::dealer, endpoint, std::move(socket), clock, options));
}

std::unique_ptr<ZmtpConnection> ZmtpConnection::accept(Endpoint endpoint, StreamSocket socket,
                                                       Clock& clock, ZmtpOptions options) {
  return std::unique_ptr<ZmtpConnection>(
      new ZmtpConnection(Side::router, std::move(endpoint), std::move(socket), clock, options));
}

tl::unexpected<Error> ZmtpConnection::broken(Error error) {
  if (!broken_) broken_ = Error{error.kind, endpoint_ + ": " + error.what};
  return fail(*broken_);
}

Status ZmtpConnection::shake_hands(Instant deadline) {
  for (;;) {
    KV_ASSIGN(const bool is_open, advance());
    if (is_open) return {};
    const short events = static_cast<short>(wants_write() ? POLLIN | POLLOUT : POLLIN);
    if (!wait_for_events(socket_, events, clock_, deadline)) return broken(late());
  }
}

Result<bool> ZmtpConnection::advance() {
  if (broken_) return fail(*broken_);
  if (stage_ == Stage::connected) {
    const Result<bool> connected = is_connected(socket_, endpoint_);
    if (!connected) broken_ = connected.error();  // It names the endpoint.
    if (!connected || !*connected) return connected;
    stage_ = Stage::greeting;
  }
  KV_TRY(flush());
  while (stage_ != Stage::nothing) {
    KV_ASSIGN(const bool taken, stage_ == Stage::greeting ? take_greeting() : take_ready());
    if (taken) continue;
    if (std::exchange(drained_, false)) return false;
    KV_TRY(read_some());
  }
  return true;
}

/// Takes the peer's greeting off the input; false if it is not whole yet.
Result<bool> ZmtpConnection::take_greeting() {
  const BytesView come = input_.unread().substr(0, kZmtpGreetingBytes);
  if (auto checked = check_zmtp_greeting(come); !checked) return broken(checked.error());
  if (come.size() < kZmtpGreetingBytes) return false;
  input_.take(kZmtpGreetingBytes, 0);
  stage_ = Stage::ready;
  return true;
}

/// Takes the peer's READY; false if it is not whole yet.
Result<bool> ZmtpConnection::take_ready() {
  KV_ASSIGN(const auto header, whole_frame(kZmtpCommandBytesMax));
  if (!header) return false;
  const Frame body = input_.take(header->header_bytes, header->body_bytes);
  if (!header->command) return broken({ErrorKind::corrupt, "ZMTP: a message before READY"});
  const auto command = parse_zmtp_command(body.view());
  if (!command) return broken(command.error());
  if (command->kind == ZmtpCommand::Kind::error)
    return broken({ErrorKind::denied, "the peer refuses: " + shown_zmtp_text(command->text)});
  if (command->kind != ZmtpCommand::Kind::ready)
    return broken({ErrorKind::corrupt, "ZMTP: a command before READY"});
  if (!(side_ == Side::dealer ? is_server_type(command->text) : is_client_type(command->text)))
    return broken({ErrorKind::corrupt,
                   std::string("the peer is no ") + (side_ == Side::dealer ? "server" : "client") +
                       " but a socket of type " + shown_zmtp_text(command->text)});
  stage_ = Stage::nothing;
  return true;
}

Status ZmtpConnection::read_some() {
  const std::span<char> room = input_.room();
  ssize_t got = 0;
  do {
    got = recv(socket_.fd(), room.data(), room.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  const bool nothing_there = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  drained_ = nothing_there || (got > 0 && static_cast<size_t>(got) < room.size());
  if (nothing_there) return {};
  if (got < 0) return broken({ErrorKind::unavailable, std::strerror(errno)});
  if (got == 0) return broken({ErrorKind::unavailable, "the connection was closed by the peer"});
  input_.filled(static_cast<size_t>(got));
  return {};
}

/// Reads something, or fails when the deadline has passed.
Status ZmtpConnection::read_more(Instant deadline) {
  const short events = static_cast<short>(wants_write() ? POLLIN | POLLOUT : POLLIN);
  if (!wait_for_events(socket_, events, clock_, deadline)) return broken(late());
  KV_TRY(flush());
  return read_some();
}

/// The header at the front of what was read, once its frame is whole.
Result<std::optional<ZmtpFrameHeader>> ZmtpConnection::whole_frame(size_t message_bytes_max) {
  auto header = parse_zmtp_frame_header(input_.unread(), message_bytes_max);
  if (!header) return broken(header.error());
  if (!*header) return std::nullopt;
  const size_t total = (*header)->header_bytes + (*header)->body_bytes;
  if (input_.unread().size() >= total) return *header;
  input_.reserve(total);
  return std::nullopt;
}

Result<std::optional<Frame>> ZmtpConnection::next_buffered() {
  for (;;) {
    KV_ASSIGN(const auto header, whole_frame(options_.frame_bytes_max));
    if (!header) return std::nullopt;
    if (header->more && side_ == Side::dealer)
      return broken({ErrorKind::corrupt, "a message of several parts, where one is expected"});
    Frame frame = input_.take(header->header_bytes, header->body_bytes);
    if (header->command)
      KV_TRY(obey(frame.view()));
    else if (ends_message(*header))
      return frame;
  }
}

/// Follows the parts of a message; true at the end of one that is not to be dropped.
bool ZmtpConnection::ends_message(const ZmtpFrameHeader& header) {
  if (header.more) {
    const bool delimiter = part_ == Part::first && header.body_bytes == 0;
    part_ = delimiter ? Part::after_delimiter : Part::junk;
    return false;
  }
  const Part last = std::exchange(part_, Part::first);
  if (last == Part::junk) {
    ++dropped_;
    return false;
  }
  delimited_ = last == Part::after_delimiter;
  return true;
}

Status ZmtpConnection::obey(BytesView body) {
  const auto command = parse_zmtp_command(body);
  if (!command) return broken(command.error());
  switch (command->kind) {
    case ZmtpCommand::Kind::ping:
      // Who sends PINGs and never reads the answers would make them pile up.
      if (unsent_bytes() > options_.unsent_bytes_max) return {};
      append_zmtp_pong(out_, command->text);
      (void)flush();  // A peer that is gone ends the reading.
      return {};
    case ZmtpCommand::Kind::pong:
      return {};
    case ZmtpCommand::Kind::error:
      return broken({ErrorKind::denied, "the peer refuses: " + shown_zmtp_text(command->text)});
    case ZmtpCommand::Kind::ready:
      break;
  }
  return broken({ErrorKind::corrupt, "ZMTP: a second READY"});
}

Result<std::optional<Frame>> ZmtpConnection::try_receive() {
  if (broken_) return fail(*broken_);
  for (bool has_read = false;; has_read = true) {
    KV_ASSIGN(auto frame, next_buffered());
    if (frame) return frame;
    if (std::exchange(drained_, false) || has_read) return std::nullopt;
    KV_TRY(read_some());
  }
}

Result<Frame> ZmtpConnection::receive(Instant deadline) {
  for (;;) {
    KV_ASSIGN(auto frame, try_receive());
    if (frame) return *std::move(frame);
    KV_TRY(read_more(deadline));
  }
}

Status ZmtpConnection::queue(BytesView frame) {
  if (broken_) return fail(*broken_);
  if (unwritable_) return fail(*unwritable_);
  if (frame.size() > options_.frame_bytes_max)
    return fail(ErrorKind::invalid, endpoint_ + ": a frame of " + std::to_string(frame.size()) +
                                        " bytes, at most " +
                                        std::to_string(options_.frame_bytes_max) + " can be sent");
  if (wants_write() && unsent_bytes() + frame.size() > options_.unsent_bytes_max)
    return fail(ErrorKind::busy, endpoint_ + ": the peer takes no more for now");
  if (delimited_) append_zmtp_delimiter(out_);
  append_zmtp_message_header(out_, frame.size());
  out_ += frame;
  return {};
}

Status ZmtpConnection::flush() {
  if (broken_) return fail(*broken_);
  if (unwritable_) return fail(*unwritable_);
  while (wants_write()) {
    const ssize_t sent =
        ::send(socket_.fd(), out_.data() + out_begin_, unsent_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (sent < 0) {
      unwritable_ = Error{ErrorKind::unavailable, endpoint_ + ": " + std::strerror(errno)};
      out_ = {};
      out_begin_ = 0;
      return fail(*unwritable_);
    }
    out_begin_ += static_cast<size_t>(sent);
  }
  // Moving the rest down only when it is the smaller half keeps the cost a byte constant.
  if (out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
    if (out_.empty() && out_.capacity() > kKeptBytesMax) out_ = {};
  }
  return {};
}

void ZmtpConnection::borrow_room(ZmtpInput& spare) {
  if (input_.unread().empty()) input_ = std::exchange(spare, {});
}

void ZmtpConnection::return_room(ZmtpInput& spare) {
  if (input_.unread().empty()) spare = std::exchange(input_, {});
}

Status ZmtpConnection::send(BytesView frame, Instant deadline) {
  for (;;) {
    const Status queued = queue(frame);
    if (queued) break;
    if (queued.error().kind != ErrorKind::busy) return queued;
    if (!wait_for_events(socket_, POLLOUT, clock_, deadline)) return broken(late());
    KV_TRY(flush());
  }
  KV_TRY(flush());
  while (wants_write()) {
    if (!wait_for_events(socket_, POLLOUT, clock_, deadline)) return broken(late());
    KV_TRY(flush());
  }
  return {};
}

}  // namespace kv
