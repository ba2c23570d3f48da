#include "tests/unit/storage/engines/engine_trace.h"

#include <ostream>

namespace kv {

std::string traced_key(uint32_t number) {
  if (number % 2 == 0) return "key" + std::to_string(number);
  static constexpr BytesView kBytes(
      "\0\x01"
      "ab\x7f\x80\xff",
      7);
  std::string key(number % 4 == 1 ? "the same beginning of many keys/" : "");
  for (uint32_t rest = number / 4; rest > 0; rest /= 7) key += kBytes[rest % 7];
  return key;
}

std::string bytes_of(TracedValue value) {
  std::string bytes = std::to_string(value.tag);
  bytes.resize(value.bytes, 'v');
  for (size_t i = 7; i < bytes.size(); i += 7)
    bytes[i] = static_cast<char>('a' + (value.tag + i) % 26);
  return bytes;
}

KeyRange key_range_of(const TracedRange& range) {
  KeyRange keys;
  if (range.from) keys.from = traced_key(*range.from);
  if (range.to) keys.to = traced_key(*range.to);
  if (range.from && range.to && keys.to < keys.from) std::swap(keys.from, keys.to);
  if (range.is_narrow) keys.to = keys.from + "5";
  return keys;
}

namespace {

const char* to_text(Durability durability) {
  switch (durability) {
    case Durability::always:
      return "always";
    case Durability::interval:
      return "interval";
    case Durability::none:
      return "none";
  }
  return "?";
}

std::string to_text(TracedValue value) {
  return std::to_string(value.tag) + ":" + std::to_string(value.bytes);
}

std::string to_text(const TracedRange& range) {
  return (range.from ? std::to_string(*range.from) : "") + ".." +
         (range.is_narrow ? "narrow" : (range.to ? std::to_string(*range.to) : ""));
}

std::string to_text(const std::vector<uint32_t>& keys) {
  std::string text;
  for (const uint32_t key : keys) text += " " + std::to_string(key);
  return text;
}

/// What stands in a line, for each command.
struct CommandText {
  std::string operator()(const command::Write& write) const {
    std::string text = std::string("write ") + to_text(write.durability);
    for (const auto& [key, value] : write.operations)
      text += " " + std::to_string(key) + (value ? "=" + to_text(*value) : "-");
    return text;
  }
  std::string operator()(const command::Drop& drop) const {
    return std::string("drop ") + to_text(drop.durability) + " " + to_text(drop.range);
  }
  std::string operator()(const command::Ingest& ingest) const {
    std::string text = "ingest";
    for (const auto& [key, value] : ingest.pairs)
      text += " " + std::to_string(key) + "=" + to_text(value);
    return text;
  }
  std::string operator()(const command::Get& get) const {
    return "get " + std::to_string(get.key) + (get.waits ? "" : ", not awaited");
  }
  std::string operator()(const command::GetMany& get) const {
    return "get many" + to_text(get.keys) + (get.waits ? "" : ", not awaited");
  }
  std::string operator()(const command::BeginWalk& walk) const {
    return std::string("begin a walk ") + (walk.is_reverse ? "backward " : "forward ") +
           to_text(walk.range);
  }
  std::string operator()(const command::EndWalk&) const { return "end a walk"; }
  std::string operator()(const command::TakeSnapshot&) const { return "take a snapshot"; }
  std::string operator()(const command::ReadSnapshot& read) const {
    return "read snapshot " + std::to_string(read.which) + ":" + to_text(read.keys);
  }
  std::string operator()(const command::ReleaseSnapshot& release) const {
    return "release snapshot " + std::to_string(release.which);
  }
  std::string operator()(const command::Checkpoint&) const { return "make a checkpoint"; }
  std::string operator()(const command::Sync&) const { return "sync"; }
  std::string operator()(const command::Work& work) const {
    return "work " + std::to_string(work.steps);
  }
  std::string operator()(const command::Rest& rest) const {
    return "rest " + std::to_string(rest.ticks);
  }
  std::string operator()(const command::PageCache& cache) const {
    return "page cache " + std::to_string(cache.percent);
  }
  std::string operator()(const command::CheckAll&) const { return "check all"; }
  std::string operator()(const command::StopAndOpen&) const { return "stop and open"; }
  std::string operator()(const command::LosePower& loss) const {
    return "lose power: " + to_string(loss.policy) + ", seed " + std::to_string(loss.seed);
  }
};

}  // namespace

std::string to_text(const EngineCommand& command) {
  return std::visit(CommandText(), command);
}

std::ostream& operator<<(std::ostream& to, const EngineTrace& trace) {
  to << "seed " << trace.seed << "\n";
  for (size_t i = 0; i < trace.commands.size(); ++i)
    to << "  " << i << ": " << to_text(trace.commands[i]) << "\n";
  return to;
}

}  // namespace kv
