#include "libkv/replica/incarnation.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "libkv/base/planted.h"

namespace kv {

namespace {

constexpr const char* kTable = "incarnation";
constexpr const char* kValue = "incarnation";
constexpr const char* kStartNumber = "start_number";
constexpr const char* kJudgedStart = "judged_start";
constexpr const char* kCleanAt = "clean_at";

Result<std::optional<uint64_t>> read_number(MetaStore& meta, const char* key) {
  auto text = meta.get(kTable, key);
  if (!text && text.error().kind == ErrorKind::not_found) return std::optional<uint64_t>();
  if (!text) return fail(std::move(text).error());
  uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return fail(ErrorKind::corrupt,
                std::string("table incarnation: row ") + key + ": `" + *text + "` is not a number");
  }
  return std::optional<uint64_t>(number);
}

bool lost_nothing(const RecoveryReport& recovery, const std::optional<uint64_t>& clean_at) {
  return recovery.clean && !recovery.created && recovery.corruption.empty() && clean_at &&
         *clean_at == recovery.last_sequence;
}

// 0 stands for none.
uint64_t draw_other_than(uint64_t old, const Incarnation::Entropy& entropy) {
  uint64_t drawn = 0;
  while (drawn == 0 || drawn == old) drawn = entropy();
  return drawn;
}

}  // namespace

Result<Incarnation> Incarnation::start(MetaStore& meta, const RecoveryReport& recovery,
                                       Entropy entropy, Instant deadline) {
  Incarnation made(meta, std::move(entropy), deadline);
  KV_ASSIGN(const std::optional<uint64_t> kept, read_number(meta, kValue));
  KV_ASSIGN(const std::optional<uint64_t> starts, read_number(meta, kStartNumber));
  KV_ASSIGN(const std::optional<uint64_t> judged, read_number(meta, kJudgedStart));
  KV_ASSIGN(const std::optional<uint64_t> clean_at, read_number(meta, kCleanAt));
  made.value_ = kept.value_or(0);
  made.start_number_ = starts.value_or(0) + 1;
  made.judged_start_ = judged.value_or(0);

  const bool keeps = kept && (lost_nothing(recovery, clean_at) ||
                              (KV_PLANTED(keep_mark_after_amnesia) && !recovery.created));
  if (!keeps) made.value_ = draw_other_than(made.value_, made.entropy_);
  made.is_new_ = made.is_ready_ = !keeps;

  MetaTransaction transaction;
  transaction.put(kTable, kStartNumber, std::to_string(made.start_number_));
  transaction.put(kTable, kValue, std::to_string(made.value_));
  if (clean_at) transaction.remove(kTable, kCleanAt);
  KV_TRY(meta.commit(transaction));
  return made;
}

Status Incarnation::check(MetaStore& meta) {
  for (const char* key : {kValue, kStartNumber, kJudgedStart, kCleanAt})
    KV_TRY(read_number(meta, key));
  return {};
}

Status Incarnation::judge(bool known) {
  if (is_ready_) return {};
  if (!known) return draw();
  is_ready_ = true;
  return {};
}

Status Incarnation::note_judged() {
  MetaTransaction transaction;
  transaction.put(kTable, kJudgedStart, std::to_string(start_number_));
  KV_TRY(meta_->commit(transaction));
  judged_start_ = start_number_;
  return {};
}

Status Incarnation::on_time(Instant now) {
  if (is_ready_ || now < deadline_) return {};
  return draw();
}

Status Incarnation::draw() {
  const uint64_t drawn = draw_other_than(value_, entropy_);
  // If this fails the node must not mint under the old one any more.
  is_ready_ = false;
  MetaTransaction transaction;
  transaction.put(kTable, kValue, std::to_string(drawn));
  KV_TRY(meta_->commit(transaction));
  value_ = drawn;
  is_new_ = is_ready_ = true;
  return {};
}

Status Incarnation::stop_cleanly(Sequence last) {
  is_ready_ = false;
  MetaTransaction transaction;
  transaction.put(kTable, kCleanAt, std::to_string(last));
  return meta_->commit(transaction);
}

}  // namespace kv
