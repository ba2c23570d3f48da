#include "libkv/storage/engine.h"

#include <utility>

namespace kv {

// One after the other: for engines that have nothing to overlap.
std::vector<std::optional<Result<Lookup>>> Engine::get_many_if_cached(
    std::span<const BytesView> keys) {
  std::vector<std::optional<Result<Lookup>>> answers;
  answers.reserve(keys.size());
  for (const BytesView key : keys) answers.push_back(get_if_cached(key));
  return answers;
}

std::optional<Engine::Lookups> Engine::multi_get(std::span<const BytesView> keys,
                                                 std::function<void(Lookups)> done) {
  struct Waiting {
    Lookups answers;
    size_t left = 0;
    std::function<void(Lookups)> done;
  };
  const auto waiting = std::make_shared<Waiting>();
  waiting->done = std::move(done);
  std::vector<size_t> missing;
  for (size_t i = 0; i < keys.size(); ++i) {
    auto cached = get_if_cached(keys[i]);
    if (!cached) missing.push_back(i);
    waiting->answers.push_back(cached ? std::move(*cached) : Result<Lookup>());
  }
  if (missing.empty()) return std::move(waiting->answers);
  waiting->left = missing.size();
  for (const size_t i : missing) {
    get(keys[i], [waiting, i](Result<Lookup> found) {
      waiting->answers[i] = std::move(found);
      if (--waiting->left == 0) waiting->done(std::move(waiting->answers));
    });
  }
  return std::nullopt;
}

}  // namespace kv
