// The LSM engine's part of an ingest: the sequence, the flush of all that is older, and the place
// in the tree. No compaction begins before the ingest is over.
#include <utility>

#include "libkv/base/limits.h"
#include "libkv/storage/engines/lsm_engine.h"

namespace kv {

Status LsmEngine::may_ingest(const std::vector<std::string>& paths) {
  if (closed_) return fail(closed_error());
  if (ingest_ != nullptr) return fail(ErrorKind::busy, "tables are being ingested");
  if (view_->waiting.size() > limits::memtables_waiting_max)
    return fail(ErrorKind::busy, "flushes are behind");
  if (paths.empty()) return fail(ErrorKind::invalid, "no tables to ingest");
  retry_if_due();
  if (resting_) return fail(*resting_);
  return log_.ready();
}

void LsmEngine::ingest(std::vector<std::string> paths, std::function<void(Result<Sequence>)> done) {
  if (const Status admitted = may_ingest(paths); !admitted)
    return tasks_.later(Lane::background,
                        [admitted, done = std::move(done)] { done(fail(admitted.error())); });
  const Sequence at = log_.append_ingest(Durability::always);
  view_->active->add_ingest(at);
  // It may be one more than may wait else, and only one.
  rotate_memtable();
  ingest_ =
      std::make_shared<Ingest>(std::move(paths), table_directory_, manifest_, at, std::move(done));
  ingest_state_ = IngestState::linking;
  end_rest();
  verify_ingested();
  start_work();
}

/// Other reads go between the slices.
void LsmEngine::verify_ingested() {
  tasks_.run(
      Lane::read, [ingest = ingest_] { ingest->verify_slice(); },
      [this, ingest = ingest_] {
        if (ingest != ingest_) return;
        if (closed_) return fail_ingest(fail(closed_error()));
        if (!ingest->status()) return fail_ingest(ingest->status());
        ingest->is_verified() ? link_ingested() : verify_ingested();
      });
}

void LsmEngine::link_ingested() {
  tasks_.run(
      Lane::background, [ingest = ingest_] { ingest->link(); },
      [this, ingest = ingest_] {
        if (ingest != ingest_) return;
        if (!ingest->status()) return fail_ingest(ingest->status());
        ingest_state_ = IngestState::ready;
        start_work();
      });
}

void LsmEngine::commit_ingest() {
  if (ingest_ == nullptr || ingest_state_ != IngestState::ready || compaction_ != nullptr) return;
  if (!is_flushed(ingest_->at())) return;
  ingest_state_ = IngestState::committing;
  ingest_->place(*view_->version);
  tasks_.run(
      Lane::background, [ingest = ingest_] { ingest->commit(); }, [this] { ingest_committed(); });
}

void LsmEngine::ingest_committed() {
  const auto ended = std::exchange(ingest_, nullptr);
  if (!ended->status()) {
    const Error& error = ended->status().error();
    job_failed("ingest", error, !Manifest::is_undone(error));
    rest_if_undone(error);
    return ended->finish(ended->status());
  }
  std::vector<TablePtr> added;
  for (const TableInfo& info : ended->tables()) added.push_back(new_table(info));
  auto next = std::make_shared<ReadView>(*view_);
  next->version = view_->version->changed(added, {});
  view_ = std::move(next);
  ended->finish({});
  start_work();
  room_made();
}

/// Before its commit has begun.
void LsmEngine::fail_ingest(const Status& status) {
  if (ingest_ == nullptr || ingest_state_ == IngestState::committing) return;
  tasks_.later(Lane::background, [this, ended = std::exchange(ingest_, nullptr), status] {
    ended->finish(status);
    if (closed_) return;
    start_work();
    room_made();
  });
}

}  // namespace kv
