// A table made to be ingested, in a world's process.
#pragma once

#include <string>

#include "libkv/storage/table/ingest_writer.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {

/// Errors: those of IngestWriter, and invalid without pairs.
inline Status prepare_table(StorageWorld& world, const std::string& path,
                            const EngineState& pairs) {
  Environment& environment = world.environment->environment();
  KV_TRY(environment.files.make_directories(path.substr(0, path.find_last_of('/'))));
  IngestWriter::Options options;
  options.table.block_bytes = world.options.block_bytes;
  options.table.section_blocks = world.options.section_blocks;
  options.salt = environment.entropy();
  KV_ASSIGN(const auto writer, IngestWriter::create(environment.files, path, options));
  for (const auto& [key, value] : pairs) KV_TRY(writer->put(key, value));
  return writer->finish();
}

}  // namespace kv
