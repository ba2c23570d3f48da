// ZMTP 3.1 with the NULL mechanism, as bytes (rfc.zeromq.org/spec/37): greeting, handshake and
// frames of one connection, for a program that does without libzmq.
//
//     connection = greeting handshake traffic
//     greeting   = FF 8×00 7F | version 03 01 | mechanism "NULL", 20 bytes | as-server 00 | 31×00
//     frame      = flags | size (1 byte, or 8 big-endian if LONG) | body
//     flags      = 01 MORE, 02 LONG, 04 COMMAND; all others are zero
//     handshake  = one READY command from each side
//     traffic    = messages, and PING/PONG commands
//
// Pure. Every byte that is parsed is taken for hostile: sizes are checked against a bound before
// anything is allocated, and what the protocol does not allow is refused as corrupt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "libkv/base/bytes.h"
#include "libkv/base/result.h"

namespace kv {

inline constexpr size_t kZmtpGreetingBytes = 64;    // on the wire: never change
inline constexpr size_t kZmtpFrameHeaderBytes = 9;  ///< The longest header.
inline constexpr size_t kZmtpCommandBytesMax = 4096;

/// The 64 bytes with which either side begins.
std::string zmtp_greeting();

/// The READY command as a whole frame: the socket type and an empty identity.
/// REQUIRES: `socket_type` has at most 64 bytes.
std::string zmtp_ready(BytesView socket_type);

/// Checks what has come of the peer's greeting, so that a stranger is known at its first byte. Fine
/// so far: no error. corrupt: not ZMTP. format: older than 3.0. denied: a mechanism other than
/// NULL.
/// REQUIRES: at most kZmtpGreetingBytes.
Status check_zmtp_greeting(BytesView prefix);

struct ZmtpFrameHeader {
  bool more = false;
  bool command = false;
  size_t header_bytes = 0;  ///< 2 or 9.
  size_t body_bytes = 0;
};

/// The header at the front of `bytes`, or nothing if it is not whole yet. invalid: the body exceeds
/// `body_bytes_max` (kZmtpCommandBytesMax for a command). corrupt: flags that do not exist.
Result<std::optional<ZmtpFrameHeader>> parse_zmtp_frame_header(BytesView bytes,
                                                               size_t body_bytes_max);

/// Appends the header of a single-part message of `body_bytes`.
void append_zmtp_message_header(std::string& out, size_t body_bytes);

/// Appends the empty part that a REQ socket writes before each message and wants before each
/// answer.
void append_zmtp_delimiter(std::string& out);

struct ZmtpCommand {
  enum class Kind { ready, error, ping, pong };
  Kind kind = Kind::ready;
  /// READY: the peer's socket type (empty if it named none). ERROR: its reason. PING: the context
  /// that the PONG repeats. A view into the parsed body.
  BytesView text;
};

/// Parses a command's body. corrupt if it is malformed or of a name that this side must not get.
Result<ZmtpCommand> parse_zmtp_command(BytesView body);

/// Appends the whole frame that answers a PING. REQUIRES: `context` has at most 16 bytes.
void append_zmtp_pong(std::string& out, BytesView context);

/// What a peer wrote, fit to be shown: control bytes as `?`, cut at 64 bytes.
std::string shown_zmtp_text(BytesView text);

}  // namespace kv
