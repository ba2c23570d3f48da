// A checkpoint that an engine of a world was asked for, with its metadata in SQLite beside its
// tables; and what it holds when it is opened as an engine of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/crash/engine_history.h"
#include "tests/crash/offline_check.h"
#include "tests/crash/storage_world.h"

namespace kv {

class CheckpointCopy {
 public:
  explicit CheckpointCopy(std::string directory) : directory_(std::move(directory)) {}
  const std::string& directory() const { return directory_; }

  /// REQUIRES: open. `rows` go with it.
  void ask_for(StorageWorld& world, std::function<void(Result<Sequence>)> done,
               MetaTransaction rows = {}) const {
    Environment& environment = world.environment->environment();
    world.engine->checkpoint(
        {directory_, [&environment, path = path()] { return open_sqlite_meta(environment, path); },
         std::move(rows)},
        std::move(done));
  }

  /// What it holds; nothing if there is no checkpoint that opens. A problem of one that does open
  /// is an error. REQUIRES: the world is open; it opens in its process.
  Result<std::optional<EngineState>> open(StorageWorld& world) const {
    Environment& environment = world.environment->environment();
    KV_ASSIGN(const bool there, environment.files.exists(path()));
    if (!there) return std::optional<EngineState>();
    auto meta = open_sqlite_meta(environment, path());
    if (!meta) return std::optional<EngineState>();
    const auto format = (*meta)->get("engine", "format");
    if (!format) {
      // Without a manifest it must not pass for an engine that is new.
      if (world.open_engine(**meta, directory_))
        return fail(ErrorKind::corrupt, directory_ + ": a half checkpoint opens");
      return std::optional<EngineState>();
    }
    KV_TRY(check_offline(environment.files, **meta, path(), directory_));
    KV_ASSIGN(const auto engine, world.open_engine(**meta, directory_));
    if (!engine->recovery().corruption.empty())
      return fail(ErrorKind::corrupt, engine->recovery().corruption[0].what);
    KV_ASSIGN(EngineState state, state_of(*engine));
    return std::optional<EngineState>(std::move(state));
  }

 private:
  std::string path() const { return directory_ + "/meta.sqlite"; }

  const std::string directory_;
};

}  // namespace kv
