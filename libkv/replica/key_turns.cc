#include "libkv/replica/key_turns.h"

#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

KeyTurns::KeyTurns(Engine& engine, size_t parked_max)
    : engine_(engine), parked_max_(parked_max), self_(std::make_shared<KeyTurns*>(this)) {}

std::optional<Result<Lookup>> KeyTurns::at_once(const std::string& key) {
  const bool is_taken = !queues_.empty() && queues_.count(key) != 0;
  if (is_taken && !KV_PLANTED(overtake_parked_steps)) return std::nullopt;
  return engine_.get_if_cached(key);
}

bool KeyTurns::run(const std::string& key, Step step) {
  const auto found = queues_.find(key);
  if (found == queues_.end() || KV_PLANTED(overtake_parked_steps)) {
    if (auto cached = engine_.get_if_cached(key)) {
      step(std::move(*cached));
      return true;
    }
  }
  if (parked_ >= parked_max_) return false;
  ++parked_;
  ++parked_total_;
  if (found != queues_.end()) {
    found->second.push_back(std::move(step));
    return true;
  }
  queues_[key].push_back(std::move(step));
  begin_get(key);
  return true;
}

void KeyTurns::begin_get(const std::string& key) {
  engine_.get(key, [alive = std::weak_ptr<KeyTurns*>(self_), key](Result<Lookup> found) {
    if (const auto self = alive.lock()) (*self)->continue_with(key, std::move(found));
  });
}

void KeyTurns::continue_with(const std::string& key, Result<Lookup> found) {
  // The entry stays while its steps run, so that what they ask of the same key queues behind.
  std::deque<Step>& queue = queues_.at(key);
  KV_ASSERT(!queue.empty());
  while (true) {
    const Step step = std::move(queue.front());
    queue.pop_front();
    --parked_;
    std::optional<Result<Lookup>> before;
    if (KV_PLANTED(steps_share_a_read)) before = found;
    step(std::move(found));
    if (queue.empty()) break;
    auto cached = before ? std::move(before) : engine_.get_if_cached(key);
    if (!cached) return begin_get(key);
    found = std::move(*cached);
  }
  queues_.erase(key);
}

}  // namespace kv
