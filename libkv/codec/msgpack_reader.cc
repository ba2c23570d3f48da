#include "libkv/codec/msgpack_reader.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>

namespace kv {

namespace {

using Kind = MsgpackReader::Kind;

constexpr Kind kind_of(unsigned lead) {
  if (lead < 0x80) return Kind::unsigned_integer;
  if (lead < 0x90) return Kind::map;
  if (lead < 0xa0) return Kind::array;
  if (lead < 0xc0) return Kind::text;
  if (lead == 0xc0) return Kind::nil;
  if (lead == 0xc1) return Kind::nothing;
  if (lead <= 0xc3) return Kind::boolean;
  if (lead <= 0xc6) return Kind::bytes;
  if (lead <= 0xc9) return Kind::extension;
  if (lead <= 0xcb) return Kind::real;
  if (lead <= 0xcf) return Kind::unsigned_integer;
  if (lead <= 0xd3) return Kind::negative_integer;
  if (lead <= 0xd8) return Kind::extension;
  if (lead <= 0xdb) return Kind::text;
  if (lead <= 0xdd) return Kind::array;
  if (lead <= 0xdf) return Kind::map;
  return Kind::negative_integer;
}

constexpr std::array<Kind, 256> kinds_by_lead() {
  std::array<Kind, 256> kinds{};
  for (unsigned lead = 0; lead < 256; ++lead) kinds[lead] = kind_of(lead);
  return kinds;
}
constexpr std::array<Kind, 256> kKinds = kinds_by_lead();

uint64_t load(const char* at, unsigned width) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t bits = 0;
  char* const low = reinterpret_cast<char*>(&bits) + (sizeof(bits) - width);
  switch (width) {  // Of a known size a copy is one instruction.
    case 1:
      return static_cast<unsigned char>(*at);
    case 2:
      std::memcpy(low, at, 2);
      break;
    case 4:
      std::memcpy(low, at, 4);
      break;
    default:
      std::memcpy(low, at, width);
  }
  return __builtin_bswap64(bits);
}

uint64_t sign_extended(uint64_t value, unsigned width) {
  if (width == 8) return value;
  const uint64_t sign = uint64_t{1} << (8 * width - 1);
  return (value ^ sign) - sign;
}

}  // namespace

MsgpackReader::Kind MsgpackReader::next() const {
  if (!ok() || at_end()) return Kind::nothing;
  const auto lead = static_cast<unsigned char>(*at_);
  const Kind kind = kKinds[lead];
  // The signed forms may hold what is not negative; a reader of either kind takes those.
  if (lead >= 0xd0 && lead <= 0xd3) {
    const bool negative = remaining() > 1 && (static_cast<unsigned char>(at_[1]) & 0x80) != 0;
    return negative ? Kind::negative_integer : Kind::unsigned_integer;
  }
  return kind;
}

MsgpackReader::Head MsgpackReader::head_with_number(Kind kind, unsigned width, uint64_t added) {
  if (remaining() < width) {
    stop(State::damaged);
    return {};
  }
  const uint64_t number = load(at_, width) + added;
  at_ += width;
  return {kind, number};
}

MsgpackReader::Head MsgpackReader::head() {
  const Kind kind = next();
  if (kind == Kind::nothing) {
    stop(State::damaged);
    return {};
  }
  const auto lead = static_cast<unsigned char>(*at_);
  ++at_;
  if (lead < 0x80) return {kind, lead};
  if (lead < 0xa0) return {kind, lead & 0x0fu};
  if (lead < 0xc0) return {kind, lead & 0x1fu};
  if (lead >= 0xe0) return {kind, sign_extended(lead, 1)};
  if (lead <= 0xc3) return {kind, lead & 1u};
  if (lead <= 0xc6) return head_with_number(kind, 1u << (lead - 0xc4));
  // An extension's payload is preceded by its type, one byte.
  if (lead <= 0xc9) return head_with_number(kind, 1u << (lead - 0xc7), 1);
  if (lead == 0xca) {
    const Head bits = head_with_number(kind, 4);
    const auto narrow = static_cast<uint32_t>(bits.number);
    float value = 0;
    std::memcpy(&value, &narrow, sizeof(value));
    const double wide = value;
    uint64_t number = 0;
    std::memcpy(&number, &wide, sizeof(number));
    return {bits.kind, number};
  }
  if (lead == 0xcb) return head_with_number(kind, 8);
  if (lead <= 0xcf) return head_with_number(kind, 1u << (lead - 0xcc));
  if (lead <= 0xd3) {
    const unsigned width = 1u << (lead - 0xd0);
    const Head bits = head_with_number(kind, width);
    return {bits.kind, sign_extended(bits.number, width)};
  }
  if (lead <= 0xd8) return {kind, (uint64_t{1} << (lead - 0xd4)) + 1};
  if (lead <= 0xdb) return head_with_number(kind, 1u << (lead - 0xd9));
  return head_with_number(kind, (lead & 1u) == 0 ? 2 : 4);
}

bool MsgpackReader::try_nil() {
  if (next() != Kind::nil) return false;
  ++at_;
  return true;
}

bool MsgpackReader::boolean() {
  if (next() != Kind::boolean) {
    stop(State::damaged);
    return false;
  }
  return head().number != 0;
}

MsgpackReader::Head MsgpackReader::head_of(Kind kind) {
  const char* from = at_;
  const Head found = head();
  if (found.kind == kind) return found;
  if (ok()) at_ = from;  // An error's offset is that of the value which is wrong.
  stop(State::damaged);
  return {};
}

uint64_t MsgpackReader::unsigned_integer(uint64_t max) {
  const Head value = head_of(Kind::unsigned_integer);
  if (ok() && value.number <= max) return value.number;
  stop(State::damaged);
  return 0;
}

int64_t MsgpackReader::integer() {
  if (next() == Kind::unsigned_integer) return static_cast<int64_t>(unsigned_integer(INT64_MAX));
  if (next() != Kind::negative_integer) {
    stop(State::damaged);
    return 0;
  }
  const Head value = head();
  return ok() ? static_cast<int64_t>(value.number) : 0;
}

double MsgpackReader::real() {
  if (next() != Kind::real) {
    stop(State::damaged);
    return 0;
  }
  const Head bits = head();
  double value = 0;
  if (ok()) std::memcpy(&value, &bits.number, sizeof(value));
  return value;
}

BytesView MsgpackReader::payload(Kind kind, size_t size_max) {
  const Head size = head_of(kind);
  if (!ok() || size.number > remaining() || size.number > size_max) {
    stop(State::damaged);
    return {};
  }
  const BytesView view(at_, size.number);
  at_ += size.number;
  return view;
}

BytesView MsgpackReader::text(size_t size_max) {
  return payload(Kind::text, size_max);
}

BytesView MsgpackReader::bytes(size_t size_max) {
  return payload(Kind::bytes, size_max);
}

size_t MsgpackReader::count(Kind kind, size_t element_bytes_min, size_t count_max) {
  const Head counted = head_of(kind);
  if (!ok() || counted.number > remaining() / element_bytes_min || counted.number > count_max) {
    stop(State::damaged);
    return 0;
  }
  return counted.number;
}

size_t MsgpackReader::array(size_t element_bytes_min, size_t count_max) {
  return count(Kind::array, element_bytes_min, count_max);
}

size_t MsgpackReader::map(size_t count_max) {
  return count(Kind::map, 2, count_max);
}

size_t MsgpackReader::fields(size_t known) {
  const size_t present = array();
  if (ok() && present >= known) return present - known;
  stop(State::damaged);
  return 0;
}

uint64_t MsgpackReader::format(uint64_t newest) {
  const uint64_t found = unsigned_integer();
  if (found > newest) stop(State::newer);
  if (found == 0) stop(State::damaged);
  return ok() ? found : 0;
}

void MsgpackReader::skip(size_t count) {
  for (size_t i = 0; i < count && ok(); ++i) skip_value(0);
}

void MsgpackReader::skip_value(size_t depth) {
  const Kind kind = next();
  switch (kind) {
    case Kind::text:
    case Kind::bytes:
    case Kind::extension:
      payload(kind, SIZE_MAX);
      return;
    case Kind::array:
    case Kind::map: {
      if (depth == limits::nesting_max) return stop(State::damaged);
      const size_t values = kind == Kind::array ? array() : 2 * map();
      for (size_t i = 0; i < values && ok(); ++i) skip_value(depth + 1);
      return;
    }
    default:
      head();
  }
}

BytesView MsgpackReader::raw() {
  const char* from = at_;
  skip();
  return ok() ? BytesView(from, static_cast<size_t>(at_ - from)) : BytesView();
}

Status MsgpackReader::status(BytesView what) const {
  if (ok()) return {};
  const std::string where = std::string(what) + ": offset " + std::to_string(offset()) + ": ";
  if (state_ == State::newer) {
    return fail(ErrorKind::format, where + "written by a newer version");
  }
  return fail(ErrorKind::corrupt, where + "the bytes do not parse");
}

Status MsgpackReader::finish(BytesView what) {
  if (!at_end()) stop(State::damaged);
  return status(what);
}

}  // namespace kv
