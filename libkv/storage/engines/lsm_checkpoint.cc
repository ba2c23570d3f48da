// The LSM engine's part of a checkpoint: it ends the active memtable, waits for its flush, and
// takes the version that the flush makes, which holds just what was written before the call.
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/storage/engines/lsm_engine.h"

namespace kv {

void LsmEngine::checkpoint(CheckpointTarget target, std::function<void(Result<Sequence>)> done) {
  Status admitted;
  if (closed_) {
    admitted = fail(closed_error());
  } else if (checkpoint_ != nullptr) {
    admitted = fail(ErrorKind::busy, "a checkpoint is being made");
  } else if (view_->waiting.size() > limits::memtables_waiting_max) {
    admitted = fail(ErrorKind::busy, "flushes are behind");
  } else {
    admitted = log_.write_status();
  }
  if (!admitted) {
    return tasks_.later(Lane::background,
                        [admitted, done = std::move(done)] { done(fail(admitted.error())); });
  }
  checkpoint_ = std::make_shared<Checkpoint>(environment_.files, std::move(target),
                                             log_.last_sequence(), std::move(done));
  retry_if_due();
  // It may be one more than may wait else, and only one.
  if (!view_->active->empty()) rotate_memtable();
  copy_if_flushed();
  release_held_flush();
  start_work();
}

/// Also where a flush is over: no later one has been installed then.
void LsmEngine::copy_if_flushed() {
  if (checkpoint_ == nullptr || checkpoint_running_) return;
  if (!is_flushed(checkpoint_->at())) return;
  checkpoint_running_ = true;
  checkpoint_->take([&files = environment_.files, version = view_->version, from = directory_,
                     flushed = checkpoint_->at(),
                     secret = environment_.entropy()](const std::string& to) {
    auto state = link_tables(files, *version, from, to);
    if (state) {
      state->flushed = flushed;
      state->log_secret = secret;
    }
    return state;
  });
  tasks_.run(
      Lane::background, [checkpoint = checkpoint_] { checkpoint->run(); },
      [this] {
        checkpoint_running_ = false;
        std::exchange(checkpoint_, nullptr)->finish();
        start_work();
      });
}

/// One that waits for a flush which will not come.
void LsmEngine::fail_checkpoint(const Status& status) {
  if (checkpoint_ == nullptr || checkpoint_running_) return;
  tasks_.later(Lane::background,
               [ended = std::exchange(checkpoint_, nullptr), status] { ended->finish(status); });
}

}  // namespace kv
