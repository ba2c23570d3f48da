// Who waits for the log: acknowledgements in the order of their sequences, given out when the
// engine says that their sequence is durable, or with the error that ended its writing; after that
// everyone gets this error at once.
//
// Lives on the loop's thread. Takes the engine's one durability listener, and leaves an empty one
// behind.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "libkv/storage/engine.h"

namespace kv {

class DurableQueue {
 public:
  using Then = std::function<void(const Status&)>;

  explicit DurableQueue(Engine& engine);
  ~DurableQueue();
  DurableQueue(const DurableQueue&) = delete;
  DurableQueue& operator=(const DurableQueue&) = delete;

  /// Applies the batch. Errors: the engine's.
  Result<Sequence> apply(const WriteBatch& batch, Durability durability);
  /// The same for Engine::drop_range(), of a range that can hold a key.
  Result<Sequence> drop_range(const KeyRange& range, Durability durability);
  /// Calls `then` once `sequence` is durable; at once if it is. REQUIRES: it is not below any that
  /// still waits (apply()'s result, or last_applied()).
  void when_durable(Sequence sequence, Then then);
  /// Calls `then` once everything that can be read now is durable, and asks for that.
  void when_all_durable(Then then);

  Sequence last_applied() const { return last_applied_; }
  size_t waiting() const { return waiting_.size(); }
  bool failed() const { return failure_.has_value(); }

 private:
  Result<Sequence> applied(Result<Sequence> sequence);
  void on_engine(const Result<Sequence>& durable);

  struct Waiter {
    Sequence sequence;
    Then then;
  };
  Engine& engine_;
  Sequence last_applied_;
  std::deque<Waiter> waiting_;
  std::optional<Error> failure_;
};

}  // namespace kv
