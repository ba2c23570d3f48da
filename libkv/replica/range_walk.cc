#include "libkv/replica/range_walk.h"

#include <memory>
#include <utility>

namespace kv {

namespace {

struct RunningWalk {
  RangeWalk plan;
  std::unique_ptr<EngineIterator> iterator;
  bool ended = false;
  Status status;
};

bool pass_over_damage(RunningWalk* walk) {
  const Status status = walk->iterator->status();
  if (status || !walk->plan.damaged || !walk->iterator->pass_over()) return false;
  walk->plan.damaged(status.error());
  return true;
}

void run_slice(RunningWalk* walk) {
  for (size_t i = 0; i < walk->plan.slice_keys; ++i) {
    if (!walk->iterator->valid()) {
      if (pass_over_damage(walk)) continue;
      walk->ended = true;
      walk->status = walk->iterator->status();
      return;
    }
    auto goes_on = walk->plan.visit(walk->iterator->key(), walk->iterator->value());
    if (!goes_on || !*goes_on) {
      walk->ended = true;
      if (!goes_on) walk->status = fail(std::move(goes_on).error());
      return;
    }
    walk->iterator->next();
  }
}

void continue_walk(LaneTasks& tasks, const std::shared_ptr<RunningWalk>& walk) {
  tasks.run(
      Lane::read, [walk] { run_slice(walk.get()); },
      [&tasks, walk] {
        if (walk->ended) walk->iterator.reset();
        const bool goes_on = !walk->plan.paused || walk->plan.paused(walk->ended, walk->status);
        if (goes_on && !walk->ended) continue_walk(tasks, walk);
      });
}

}  // namespace

void begin_walk(Engine& engine, LaneTasks& tasks, RangeWalk walk) {
  auto running = std::make_shared<RunningWalk>();
  running->iterator = walk.snapshot ? walk.snapshot->iterate(walk.range, walk.reverse)
                                    : engine.iterate(walk.range, walk.reverse);
  running->plan = std::move(walk);
  continue_walk(tasks, running);
}

}  // namespace kv
