// A disk, or a manifest, without room for a while: writes are refused, and it recovers by itself.
// (That every other call may fail too is the proof of tests/crash/call_failures.)
#include <algorithm>

#include <gtest/gtest.h>

#include "libkv/base/assert.h"
#include "tests/crash/engine_history.h"
#include "tests/crash/storage_world.h"

namespace kv {
namespace {

/// An engine whose disk, or whose manifest, has no room for a while. Whatever was taken must become
/// durable in the end, without a restart.
class FullDiskRun {
 public:
  FullDiskRun() {
    EXPECT_TRUE(world.open());
    world.engine->on_durable([this](Result<Sequence> risen) {
      ASSERT_TRUE(risen) << risen.error().what;
      durable_ = *risen;
    });
  }

  Result<Sequence> put(int i) {
    WriteBatch batch;
    batch.put("k" + std::to_string(i % 50), std::string(300, static_cast<char>('a' + i % 26)));
    const auto last = world.engine->apply(batch, Durability::always);
    if (last) history_.add(*last, batch);
    return last;
  }
  /// `together` at a time, so that one group of the log may need several segments. Returns how many
  /// were refused.
  int put_many(int count, int together) {
    int refused = 0;
    for (int i = 0; i < count; ++i) {
      const auto last = put(i);
      if (!last) {
        const ErrorKind kind = last.error().kind;
        EXPECT_TRUE(kind == ErrorKind::no_space || kind == ErrorKind::busy ||
                    kind == ErrorKind::unavailable)
            << last.error().what;
        ++refused;
      }
      if (i % together == 0) world.run_until_idle();
    }
    world.run_until_idle();
    return refused;
  }
  /// All that was taken is read, and in the end nothing more is.
  void expect_reads_alone() {
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
    EXPECT_GT(put_many(200, 1), 0);
    EXPECT_EQ(durable_, history_.last());
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
  }
  void reopen() {
    world.end();
    const Status opened = world.open();
    ASSERT_TRUE(opened) << opened.error().what;
    world.engine->on_durable([this](Result<Sequence> risen) {
      ASSERT_TRUE(risen) << risen.error().what;
      durable_ = *risen;
    });
  }
  /// There is room again; what was refused is tried for some seconds.
  void recover() {
    world.disk.set_capacity(std::nullopt);
    for (int i = 0; i < 5; ++i) {
      world.scheduler.run_until(world.scheduler.now() + 2s);
      (void)put(i);
      world.run_until_idle();
    }
    ASSERT_EQ(put_many(100, 3), 0) << put(0).error().what;
    EXPECT_EQ(durable_, history_.last());
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
    ASSERT_TRUE(world.engine->close());
    EXPECT_EQ(tables_on_disk(), world.engine->stats().sstables) << "what was refused is removed";
    ASSERT_TRUE(world.open());
    EXPECT_TRUE(*state_of(*world.engine) == *history_.state_at(history_.last()));
  }

  StorageWorld world{5};

 private:
  uint64_t tables_on_disk() {
    const auto names = world.environment->environment().files.list("data");
    KV_ASSERT(names.has_value());
    return static_cast<uint64_t>(
        std::count_if(names->begin(), names->end(),
                      [](const std::string& name) { return name.ends_with(".sst"); }));
  }

  EngineHistory history_;
  Sequence durable_ = 0;
};

TEST(EngineFullDiskTest, RefusesThenRecoversByItself) {
  int refused = 0;
  for (const int together : {1, 40}) {
    for (uint64_t room = 0; room < 20'000 && !testing::Test::HasFailure(); room += 1'300) {
      SCOPED_TRACE(std::to_string(room) + " bytes, " + std::to_string(together) + " together");
      FullDiskRun run;
      ASSERT_EQ(run.put_many(20, 1), 0);
      run.world.disk.set_capacity(run.world.disk.image().used_bytes() + room);
      refused += run.put_many(200, together);
      run.recover();
    }
  }
  EXPECT_GT(refused, 100);
}

// A node that is started while its disk is full serves what it has.
TEST(EngineFullDiskTest, OpensForReadsAndRecoversByItself) {
  FullDiskRun run;
  ASSERT_EQ(run.put_many(60, 1), 0);
  run.world.disk.set_capacity(1);
  for (int i = 0; i < 3; ++i) {
    run.reopen();
    run.expect_reads_alone();
  }
  run.recover();
}

// A start behind a clean stop has something to commit before the log's first write.
TEST(EngineFullDiskTest, AManifestThatRefusesOnceIsAskedAgain) {
  for (const ErrorKind kind : {ErrorKind::no_space, ErrorKind::busy}) {
    for (uint64_t n = 1; n < 12 && !testing::Test::HasFailure(); ++n) {
      for (const bool was_stopped : {false, true}) {
        SCOPED_TRACE(std::string(to_string(kind)) + " at commit " + std::to_string(n) +
                     (was_stopped ? ", behind a clean stop" : ""));
        FullDiskRun run;
        ASSERT_EQ(run.put_many(20, 1), 0);
        if (was_stopped) {
          ASSERT_TRUE(run.world.engine->close());
          run.reopen();
        }
        run.world.meta->refuse_nth_commit(n, kind);
        run.put_many(200, 3);
        run.recover();
      }
    }
  }
}

// The log would have the room that a merge fills and gives back again and again.
TEST(EngineFullDiskTest, AMergeThatFindsNoRoomIsNotWrittenAgainUntilThereIsSome) {
  FullDiskRun run;
  StorageWorld& world = run.world;
  ASSERT_EQ(run.put_many(300, 1), 0);
  const uint64_t merged = world.engine->stats().compactions;
  // Segments of the log are used again, and a table takes less than a memtable: merges lack room.
  for (int i = 0; i < 300 && world.log.count("storage_job_failed") == 0; ++i) {
    world.disk.set_capacity(world.disk.image().used_bytes() + 1'500);
    run.put_many(1, 1);
  }
  ASSERT_NE(world.log.last("storage_job_failed").find("compaction"), std::string::npos)
      << world.log.last("storage_job_failed");
  world.disk.record(true);
  const auto wait = [&world](int seconds) {
    for (; seconds > 0; --seconds) {
      world.scheduler.run_until(world.scheduler.now() + 1s);
      world.engine->on_tick(world.scheduler.now());
      world.run_until_idle();
    }
  };
  wait(20);
  for (const DiskOperation& operation : world.disk.trace())
    EXPECT_FALSE(operation.path.ends_with(".sst")) << operation.path;
  // Level 0 fills up: then writes are refused, for that reason.
  Result<Sequence> last = 0;
  for (int i = 0; i < 2'000 && last; ++i) {
    world.disk.set_capacity(world.disk.image().used_bytes() + 1'500);
    last = run.put(i);
    world.run_until_idle();
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::no_space) << last.error().what;
  EXPECT_EQ(world.engine->stats().refusing, last.error().what);
  world.disk.set_capacity(std::nullopt);
  wait(2);
  EXPECT_GT(world.engine->stats().compactions, merged);
  run.recover();
}

}  // namespace
}  // namespace kv
