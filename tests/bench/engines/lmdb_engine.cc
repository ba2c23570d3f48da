// LMDB: a B+ tree in a mapped file, a transaction a call. It has no cache, filter or compression of
// its own; the system's page cache serves it. It is opened as it is fastest: for unsynced writes
// (MDB_NOSYNC) it writes through the map (MDB_WRITEMAP), which a killed process does not harm; for
// synced ones with pwrite() and fdatasync(). It answers where it is called, and lets one writer in
// at a time.
#include <algorithm>
#include <string>

#include <lmdb.h>

#include "tests/bench/engines/bench_engine.h"
#include "tests/bench/engines/process_figures.h"

namespace kv::bench {

namespace {

constexpr uint64_t kMapBytesMin = uint64_t{4} << 30;

Status status_of(int code, const char* action) {
  if (code == 0) return {};
  return fail(code == MDB_CORRUPTED ? ErrorKind::corrupt : ErrorKind::io,
              std::string(action) + ": " + mdb_strerror(code));
}

MDB_val in(BytesView bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

BytesView view(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

/// The reader's transaction is renewed for each call, as LMDB's manual advises.
class LmdbSession final : public BenchSession {
 public:
  LmdbSession(MDB_env* env, MDB_dbi dbi) : env_(env), dbi_(dbi) {}
  ~LmdbSession() override {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
    if (reading_ != nullptr) mdb_txn_abort(reading_);
  }

  Result<Begun> begin_write(std::span<const Pair> pairs, Caller&) override {
    MDB_txn* writing = nullptr;
    KV_TRY(status_of(mdb_txn_begin(env_, nullptr, 0, &writing), "mdb_txn_begin"));
    for (const Pair& pair : pairs) {
      MDB_val key = in(pair.key), value = in(pair.value);
      const int code = mdb_put(writing, dbi_, &key, &value, 0);
      if (code != 0) mdb_txn_abort(writing);
      KV_TRY(status_of(code, "mdb_put"));
    }
    KV_TRY(status_of(mdb_txn_commit(writing), "mdb_txn_commit"));
    return Begun::over;
  }

  Result<Begun> begin_get(BytesView key, Caller& caller) override {
    return begin_multi_get({&key, 1}, caller);
  }

  Result<Begun> begin_multi_get(std::span<const BytesView> keys, Caller& caller) override {
    KV_TRY(begin_reading());
    Status status;
    for (size_t i = 0; i < keys.size() && status; ++i) status = get(i, keys[i], caller);
    mdb_txn_reset(reading_);
    KV_TRY(status);
    return Begun::over;
  }

  Result<Begun> begin_scan(BytesView from, BytesView to, Caller& caller) override {
    KV_TRY(begin_reading());
    const Status walked = walk(from, to, caller);
    mdb_txn_reset(reading_);
    KV_TRY(walked);
    return Begun::over;
  }

 private:
  Status begin_reading() {
    if (reading_ != nullptr) return status_of(mdb_txn_renew(reading_), "mdb_txn_renew");
    return status_of(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &reading_), "mdb_txn_begin");
  }

  Status get(size_t index, BytesView wanted, Caller& caller) {
    MDB_val key = in(wanted), found;
    const int code = mdb_get(reading_, dbi_, &key, &found);
    if (code == MDB_NOTFOUND) {
      caller.on_value(index, nullptr);
      return {};
    }
    KV_TRY(status_of(code, "mdb_get"));
    const BytesView value = view(found);
    caller.on_value(index, &value);
    return {};
  }

  Status walk(BytesView from, BytesView to, Caller& caller) {
    const int opened = cursor_ == nullptr ? mdb_cursor_open(reading_, dbi_, &cursor_)
                                          : mdb_cursor_renew(reading_, cursor_);
    KV_TRY(status_of(opened, "mdb_cursor_open"));
    MDB_val key = in(from), value;
    int code = mdb_cursor_get(cursor_, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    for (; code == 0; code = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT)) {
      if (!to.empty() && view(key) >= to) return {};
      caller.on_row({view(key), view(value)});
    }
    return status_of(code == MDB_NOTFOUND ? 0 : code, "mdb_cursor_get");
  }

  MDB_env* env_;
  MDB_dbi dbi_;
  MDB_txn* reading_ = nullptr;
  MDB_cursor* cursor_ = nullptr;
};

class LmdbEngine final : public BenchEngine {
 public:
  ~LmdbEngine() override { close_environment(); }
  std::string version() const override {
    int major = 0, minor = 0, patch = 0;
    mdb_version(&major, &minor, &patch);
    return "LMDB " + std::to_string(major) + "." + std::to_string(minor) + "." +
           std::to_string(patch);
  }

  Status open(const EngineSettings& settings) override {
    KV_TRY(status_of(mdb_env_create(&env_), "mdb_env_create"));
    const uint64_t map_bytes = std::max(kMapBytesMin, settings.raw_bytes * 8);
    KV_TRY(status_of(mdb_env_set_mapsize(env_, map_bytes), "mdb_env_set_mapsize"));
    const auto readers = static_cast<unsigned>(settings.workers + 16);
    KV_TRY(status_of(mdb_env_set_maxreaders(env_, readers), "mdb_env_set_maxreaders"));
    through_map_ = !settings.sync;
    const unsigned flags = MDB_NOTLS | MDB_NOSYNC | (through_map_ ? MDB_WRITEMAP : 0);
    KV_TRY(status_of(mdb_env_open(env_, settings.directory.c_str(), flags, 0644), "mdb_env_open"));
    return open_tree();
  }
  Status close() override {
    close_environment();
    return {};
  }
  std::unique_ptr<BenchSession> session() override {
    return std::make_unique<LmdbSession>(env_, dbi_);
  }

  Status sync_writes(bool wanted) override {
    return status_of(mdb_env_set_flags(env_, MDB_NOSYNC, wanted ? 0 : 1), "mdb_env_set_flags");
  }
  Result<Instant> settle() override {
    KV_TRY(status_of(mdb_env_sync(env_, 1), "mdb_env_sync"));
    return monotonic_now();
  }
  std::optional<uint64_t> written_bytes() override { return std::nullopt; }
  bool writes_through_map() const override { return through_map_; }

 private:
  Status open_tree() {
    MDB_txn* opening = nullptr;
    KV_TRY(status_of(mdb_txn_begin(env_, nullptr, 0, &opening), "mdb_txn_begin"));
    const int code = mdb_dbi_open(opening, nullptr, 0, &dbi_);
    if (code != 0) mdb_txn_abort(opening);
    KV_TRY(status_of(code, "mdb_dbi_open"));
    return status_of(mdb_txn_commit(opening), "mdb_txn_commit");
  }

  void close_environment() {
    if (env_ != nullptr) mdb_env_close(env_);
    env_ = nullptr;
  }

  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
  bool through_map_ = false;
};

}  // namespace

std::unique_ptr<BenchEngine> make_lmdb() {
  return std::make_unique<LmdbEngine>();
}

}  // namespace kv::bench
