#include "libkv/replica/start_rows.h"

#include <utility>

namespace kv {

Status read_start_rows(Engine& engine, const KeyRange& range, UnreadableRows* unreadable,
                       const std::function<Status(BytesView key, BytesView value)>& visit) {
  const auto rows = engine.iterate(range);
  while (true) {
    for (; rows->valid(); rows->next()) KV_TRY(visit(rows->key(), rows->value()));
    Status status = rows->status();
    if (status) return {};
    if (status.error().kind != ErrorKind::corrupt) return status;
    unreadable->push_back(std::move(status).error());
    if (!rows->pass_over()) return {};
  }
}

}  // namespace kv
