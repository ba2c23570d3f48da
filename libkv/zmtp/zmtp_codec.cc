#include "libkv/zmtp/zmtp_codec.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

namespace {

// on the wire: never change
constexpr unsigned char kFlagMore = 0x01;
constexpr unsigned char kFlagLong = 0x02;
constexpr unsigned char kFlagCommand = 0x04;
constexpr size_t kSignatureBytes = 10;
constexpr size_t kMechanismOffset = 12;
constexpr size_t kMechanismBytes = 20;
constexpr size_t kPingContextBytesMax = 16;
constexpr size_t kShownBytesMax = 64;

unsigned char byte_at(BytesView bytes, size_t offset) {
  return static_cast<unsigned char>(bytes[offset]);
}

uint64_t big_endian(BytesView bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  return value;
}

void append_big_endian(std::string& out, uint64_t value, size_t width) {
  for (size_t i = width; i-- > 0;) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

tl::unexpected<Error> corrupt(const std::string& what) {
  return fail(ErrorKind::corrupt, "ZMTP: " + what);
}

void append_command_header(std::string& out, size_t body_bytes) {
  KV_ASSERT(body_bytes <= 255);
  out += static_cast<char>(kFlagCommand);
  out += static_cast<char>(body_bytes);
}

void append_property(std::string& out, BytesView name, BytesView value) {
  out += static_cast<char>(name.size());
  out += name;
  append_big_endian(out, value.size(), 4);
  out += value;
}

bool equal_ignoring_case(BytesView a, BytesView lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

/// Takes `count` bytes off the front of `rest` into `out`; false if there are fewer.
bool take(BytesView& rest, size_t count, BytesView& out) {
  if (rest.size() < count) return false;
  out = rest.substr(0, count);
  rest.remove_prefix(count);
  return true;
}

/// A value behind its length of `width` bytes.
bool take_sized(BytesView& rest, size_t width, BytesView& out) {
  BytesView length;
  return take(rest, width, length) && take(rest, big_endian(length), out);
}

Result<ZmtpCommand> parse_ready(BytesView properties) {
  ZmtpCommand out{ZmtpCommand::Kind::ready, {}};
  while (!properties.empty()) {
    BytesView name;
    BytesView value;
    if (!take_sized(properties, 1, name) || name.empty() || !take_sized(properties, 4, value))
      return corrupt("a malformed property in READY");
    if (equal_ignoring_case(name, "socket-type")) out.text = value;
  }
  return out;
}

Result<ZmtpCommand> parse_error(BytesView rest) {
  ZmtpCommand out{ZmtpCommand::Kind::error, {}};
  if (!take_sized(rest, 1, out.text) || !rest.empty()) return corrupt("a malformed ERROR");
  return out;
}

Result<ZmtpCommand> parse_ping(BytesView rest) {
  BytesView time_to_live;
  if (!take(rest, 2, time_to_live) || rest.size() > kPingContextBytesMax)
    return corrupt("a malformed PING");
  return ZmtpCommand{ZmtpCommand::Kind::ping, rest};
}

}  // namespace

std::string zmtp_greeting() {
  std::string out(kZmtpGreetingBytes, '\0');
  out[0] = '\xff';
  out[9] = '\x7f';
  out[10] = 3;
  out[11] = 1;
  out.replace(kMechanismOffset, 4, "NULL");
  return out;
}

std::string zmtp_ready(BytesView socket_type) {
  KV_ASSERT(socket_type.size() <= 64);
  std::string body = "\x05READY";
  append_property(body, "Socket-Type", socket_type);
  append_property(body, "Identity", "");
  std::string out;
  append_command_header(out, body.size());
  return out + body;
}

Status check_zmtp_greeting(BytesView prefix) {
  KV_ASSERT(prefix.size() <= kZmtpGreetingBytes);
  if (!prefix.empty() && byte_at(prefix, 0) != 0xff)
    return corrupt("the peer speaks another protocol");
  if (prefix.size() >= kSignatureBytes && (byte_at(prefix, 9) & 1) == 0)
    return corrupt("the peer speaks another protocol");
  if (prefix.size() > kSignatureBytes && byte_at(prefix, kSignatureBytes) < 3)
    return fail(ErrorKind::format, "ZMTP: the peer speaks a version before 3.0");
  if (prefix.size() < kMechanismOffset + kMechanismBytes) return {};
  const BytesView padded = prefix.substr(kMechanismOffset, kMechanismBytes);
  const BytesView mechanism = padded.substr(0, padded.find('\0'));
  if (mechanism != "NULL" || padded.find_first_not_of('\0', 4) != BytesView::npos)
    return fail(ErrorKind::denied,
                "ZMTP: the peer wants the mechanism " + shown_zmtp_text(mechanism) + ", not NULL");
  return {};
}

Result<std::optional<ZmtpFrameHeader>> parse_zmtp_frame_header(BytesView bytes,
                                                               size_t body_bytes_max) {
  if (bytes.empty()) return std::nullopt;
  const unsigned char flags = byte_at(bytes, 0);
  ZmtpFrameHeader out;
  out.more = (flags & kFlagMore) != 0;
  out.command = (flags & kFlagCommand) != 0;
  if ((flags & ~(kFlagMore | kFlagLong | kFlagCommand)) != 0 || (out.more && out.command))
    return corrupt("a frame with impossible flags " + std::to_string(flags));
  const size_t size_bytes = (flags & kFlagLong) != 0 ? 8 : 1;
  out.header_bytes = 1 + size_bytes;
  if (bytes.size() < out.header_bytes) return std::nullopt;
  const uint64_t body = big_endian(bytes.substr(1, size_bytes));
  const size_t limit = out.command ? kZmtpCommandBytesMax : body_bytes_max;
  if (body > limit)
    return fail(ErrorKind::invalid, "ZMTP: a frame of " + std::to_string(body) +
                                        " bytes, at most " + std::to_string(limit) +
                                        " are accepted");
  out.body_bytes = static_cast<size_t>(body);
  return out;
}

void append_zmtp_message_header(std::string& out, size_t body_bytes) {
  const bool is_long = body_bytes > 255;
  out += static_cast<char>(is_long ? kFlagLong : 0);
  append_big_endian(out, body_bytes, is_long ? 8 : 1);
}

void append_zmtp_delimiter(std::string& out) {
  out += static_cast<char>(kFlagMore);
  out += '\0';
}

Result<ZmtpCommand> parse_zmtp_command(BytesView body) {
  BytesView name;
  if (!take_sized(body, 1, name)) return corrupt("a malformed command");
  if (name == "READY") return parse_ready(body);
  if (name == "ERROR") return parse_error(body);
  if (name == "PING") return parse_ping(body);
  if (name == "PONG" && body.size() <= kPingContextBytesMax)
    return ZmtpCommand{ZmtpCommand::Kind::pong, body};
  return corrupt("an unexpected command " + shown_zmtp_text(name));
}

void append_zmtp_pong(std::string& out, BytesView context) {
  KV_ASSERT(context.size() <= kPingContextBytesMax);
  append_command_header(out, 5 + context.size());
  out += "\x04PONG";
  out += context;
}

std::string shown_zmtp_text(BytesView text) {
  std::string out(text.substr(0, kShownBytesMax));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  return out;
}

}  // namespace kv
