// What an engine is told in a model test, as data: a list of commands. Each means something
// wherever it stands, so that any part of a trace is a trace too, and one that fails can be made
// shorter. Who replays it is in engine_replay.h, what draws one in arbitrary_trace.h.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "libkv/storage/engine.h"
#include "tests/sim/disk_image.h"

namespace kv {

/// Keys are numbers below this; two more stand for keys that nobody puts.
inline constexpr uint32_t kTracedKeys = 300;
/// The key itself. Every other shares its beginning with many, or holds any byte.
std::string traced_key(uint32_t number);

/// So many bytes, which the tag tells from others of that length.
struct TracedValue {
  uint32_t tag = 0;
  uint32_t bytes = 0;
};
std::string bytes_of(TracedValue value);

struct TracedRange {
  std::optional<uint32_t> from;  ///< Absent: from the first key on.
  std::optional<uint32_t> to;    ///< Absent: there is no end. The lower of both is the beginning.
  bool is_narrow = false;        ///< It ends just behind `from`, wherever `to` is.
};
KeyRange key_range_of(const TracedRange& range);

namespace command {

struct Write {
  struct Operation {
    uint32_t key;
    std::optional<TracedValue> value;  ///< Absent: a removal.
  };
  std::vector<Operation> operations;
  Durability durability;
};
struct Drop {
  TracedRange range;
  Durability durability;
};
/// Of one table. The last pair of a key is the one that counts.
struct Ingest {
  std::vector<std::pair<uint32_t, TracedValue>> pairs;
};
/// Whoever does not wait for an answer goes on, and is told later.
struct Get {
  uint32_t key;
  bool waits;
};
struct GetMany {
  std::vector<uint32_t> keys;
  bool waits;
};
/// Opens a walk, which shows what there was then whatever comes before its end.
struct BeginWalk {
  TracedRange range;
  bool is_reverse;
};
/// Walks the oldest that is open to its end.
struct EndWalk {};
struct TakeSnapshot {};
/// Of those that are held, counted round.
struct ReadSnapshot {
  uint32_t which;
  std::vector<uint32_t> keys;
};
struct ReleaseSnapshot {
  uint32_t which;
};
struct Checkpoint {};
struct Sync {};
/// What the environment has to do goes on by so many steps.
struct Work {
  uint32_t steps;
};
/// Nothing is written for so many ticks of 3 s: flushes, and what is tidied then.
struct Rest {
  uint32_t ticks;
};
/// Of so many reads in a hundred the system has the bytes.
struct PageCache {
  uint32_t percent;
};
struct CheckAll {};
struct StopAndOpen {};
struct LosePower {
  CrashPolicy policy;
  uint64_t seed;
};

}  // namespace command

using EngineCommand =
    std::variant<command::Write, command::Drop, command::Ingest, command::Get, command::GetMany,
                 command::BeginWalk, command::EndWalk, command::TakeSnapshot, command::ReadSnapshot,
                 command::ReleaseSnapshot, command::Checkpoint, command::Sync, command::Work,
                 command::Rest, command::PageCache, command::CheckAll, command::StopAndOpen,
                 command::LosePower>;
/// On one line: `write always 12=7:80 13-` puts value 7 of 80 bytes and removes.
std::string to_text(const EngineCommand& command);

struct EngineTrace {
  uint64_t seed = 0;  ///< Of the environment.
  std::vector<EngineCommand> commands;
};
/// A line for each command.
std::ostream& operator<<(std::ostream& to, const EngineTrace& trace);

}  // namespace kv
