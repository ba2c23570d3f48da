// The messages of every kind over arbitrary bytes: what parses, encodes to something that parses
// to the same; and the texts that users hand in.
#include "libkv/base/assert.h"
#include "libkv/codec/context_codec.h"
#include "libkv/wire/frame_codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

/// Encodes again what was decoded.
struct Echo {
  kv::FrameBuilder builder;
  template <typename M>
  void on(M&& message) {
    builder.add(message);
  }
};

/// The frame that the input's messages make; nothing if it does not parse to the end.
std::string encoded_again(const kv::Frame& frame) {
  kv::FrameParser parser(frame);
  Echo echo;
  if (!parser.status() || !parser.for_each(echo)) return {};
  return std::string(echo.builder.take(parser.head()).view());
}

}  // namespace

std::vector<std::string> fuzz_samples() {
  kv::FrameBuilder all;
#define KV_ADD_(number, name) all.add(kv::msg::name{});
  KV_MESSAGES(KV_ADD_)
#undef KV_ADD_
  kv::FrameBuilder put;
  kv::msg::Mint mint;
  mint.key = kv::SharedBytes(std::string("key"));
  mint.context.see(kv::Dot{kv::Actor(1, 2), 3});
  mint.context.see(kv::PutId{4, 5}, 6);
  mint.hint_for = {7, 8};
  put.add(mint);
  kv::msg::Merge merge;
  merge.record.siblings.push_back({kv::Dot{kv::Actor(1, 2), 3},
                                   {4, 5},
                                   1,
                                   false,
                                   kv::SharedBytes(std::string("value")),
                                   {},
                                   {}});
  merge.record.context = mint.context;
  put.add(merge);
  return {std::string(all.take({{1, 2}, 3}).view()), std::string(put.take({}).view()),
          kv::context_to_text(mint.context)};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string input(reinterpret_cast<const char*>(bytes), size);
  const std::string once = encoded_again(kv::Frame(input));
  if (!once.empty()) KV_ASSERT(encoded_again(kv::Frame(once)) == once);
  (void)kv::context_from_text(input);
  return 0;
}
