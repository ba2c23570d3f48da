// Reads a meta store's file whole, goes on behind what is corrupt, and gives out the rows that are
// sound: for tools that look at the file of a store that is not open.
//
// It changes nothing: what SQLite would write (it rolls back what a crash interrupted) stays in
// memory. Blocking.
#pragma once

#include <string>
#include <vector>

#include "libkv/base/environment.h"
#include "libkv/base/result.h"
#include "libkv/meta/meta_store.h"

namespace kv {

struct MetaSurvey {
  MemoryMeta sound;  ///< For open_memory_meta().
  std::vector<Error> corruption;
};

/// REQUIRES: the caller keeps the file's daemon away. Errors: not_found, format, io.
Result<MetaSurvey> survey_sqlite_meta(Environment& environment, const std::string& path);

}  // namespace kv
