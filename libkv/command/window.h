// Many requests in flight, their outcomes in the order in which they were started: what a command
// does that works through a long list. Bounded in number and in bytes.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "libkv/cli/byte_source.h"
#include "libkv/client/client.h"

namespace kv {

template <typename Tag>
class Window {
 public:
  struct Bounds {
    size_t requests_max = 2048;
    size_t bytes_max = 8u << 20;
  };
  using Outcome = std::function<void(const Tag&, const ClientReply&)>;

  Window(Client& client, Bounds bounds, Outcome outcome)
      : client_(client), bounds_(bounds), outcome_(std::move(outcome)) {}

  /// Starts a request; waits for earlier ones where the window is full.
  void add(Tag tag, ClientMessage message, size_t bytes) {
    while (!entries_.empty() &&
           (entries_.size() >= bounds_.requests_max || bytes_ + bytes > bounds_.bytes_max))
      turn();
    bytes_ += bytes;
    const uint64_t number = first_ + entries_.size();
    entries_.push_back({std::move(tag), std::nullopt, bytes});
    client_.start(std::move(message), [this, number](ClientReply reply) {
      entries_[number - first_].reply = std::move(reply);
    });
    // Sends in batches, and takes what has come, without waiting.
    if (entries_.size() % 64 == 0) {
      client_.turn(Duration::zero());
      hand_out();
    }
  }
  /// Goes on with those in flight until the descriptor can be read, or none is left.
  void work_until_readable(int descriptor) {
    while (!entries_.empty() && !is_readable(descriptor)) {
      client_.turn(1s, descriptor);
      hand_out();
    }
  }
  /// Waits for all.
  void finish() {
    while (!entries_.empty()) turn();
  }
  size_t in_flight() const { return entries_.size(); }

 private:
  struct Entry {
    Tag tag;
    std::optional<ClientReply> reply;
    size_t bytes;
  };

  void turn() {
    client_.turn(100ms);
    hand_out();
  }
  void hand_out() {
    while (!entries_.empty() && entries_.front().reply) {
      const Entry entry = std::move(entries_.front());
      entries_.pop_front();
      ++first_;
      bytes_ -= entry.bytes;
      outcome_(entry.tag, *entry.reply);
    }
  }

  Client& client_;
  const Bounds bounds_;
  const Outcome outcome_;
  std::deque<Entry> entries_;
  uint64_t first_ = 0;
  size_t bytes_ = 0;
};

}  // namespace kv
