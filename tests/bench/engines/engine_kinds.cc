#include "tests/bench/engines/bench_engine.h"

namespace kv::bench {

std::span<const EngineKind> engine_kinds() {
#ifdef KV_YARDSTICKS
  static constexpr EngineKind kKinds[] = {
      {"kv", make_kv}, {"leveldb", make_leveldb}, {"rocksdb", make_rocksdb}, {"lmdb", make_lmdb}};
#else
  static constexpr EngineKind kKinds[] = {
      {"kv", make_kv}, {"leveldb", nullptr}, {"rocksdb", nullptr}, {"lmdb", nullptr}};
#endif
  return kKinds;
}

}  // namespace kv::bench
