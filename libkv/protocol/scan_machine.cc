#include "libkv/protocol/scan_machine.h"

#include <algorithm>
#include <utility>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"
#include "libkv/protocol/coordinator_plan.h"
#include "libkv/protocol/quorum.h"

namespace kv {

namespace {
constexpr unsigned kDoublingsMax = 16;
}  // namespace

ScanMachine::ScanMachine(const ScanSettings& settings, msg::ClientScan request, ScanPlan plan,
                         msg::RequestId base)
    : settings_(settings), request_(std::move(request)), plan_(std::move(plan)), ids_(base) {
  KV_ASSERT(plan_.keyspace->kind == KeyspaceKind::ap);
}

void ScanMachine::start(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  deadline_ = deadline_of(request_.time_left, at.now);
  hints_count_ = !request_.strict && !plan_.keyspace->strict;
  records_max_ = settings_.records_max;
  if (request_.records_max != 0) {
    records_max_ = std::min<size_t>(records_max_, request_.records_max);
  }
  begin_plan(step);
  settle(step);
}

void ScanMachine::begin_plan(const Step& step) {
  const auto needed = replicas_needed({request_.r, plan_.keyspace->r, plan_.placement->n, 'R'});
  if (!needed) return fail(Answer::invalid, needed.error().what, step);
  needed_ = *needed;
  streams_.clear();
  gone_.clear();
  corrupt_.clear();
  ask_members(step);
}

// Opens a stream at every member that is wanted and has none, from the frontier on.
void ScanMachine::ask_members(const Step& step) {
  coverage_known_ = false;
  const std::string start = frontier_          ? start_after(*frontier_)
                            : request_.reverse ? request_.to
                                               : request_.from;
  for (MemberNumber member : members_to_ask(plan_, quorum())) {
    const auto [found, is_new] = streams_.try_emplace(member);
    if (!is_new) continue;
    found->second.cursor = start;
    send_page(member, found->second, step);
  }
}

// A key is at N of the members: each holds that share of the page, and a little more by chance.
// Who asks again had many that are not shown, such as tombstones, and gets twice as many each time.
uint32_t ScanMachine::records_per_page(const Stream& stream) const {
  const size_t members = std::max<size_t>(streams_.size(), 1);
  const size_t share = records_max_ * plan_.placement->n / members;
  const size_t first = std::min(records_max_, share + share / 4 + 16);
  return static_cast<uint32_t>(
      std::min(settings_.records_max, first << std::min(stream.pages, kDoublingsMax)));
}

void ScanMachine::send_page(MemberNumber member, Stream& stream, const Step& step) {
  msg::ScanPage page;
  page.id = step.ids.draw();
  page.epoch = plan_.map->epoch;
  page.time_left = std::max(Duration::zero(), deadline_ - step.now());
  page.keyspace = plan_.keyspace->id;
  page.from = request_.reverse ? request_.from : stream.cursor;
  page.to = request_.reverse ? stream.cursor : request_.to;
  page.reverse = request_.reverse;
  if (!stream.waiting) {
    if (stream.sends > 0) ++stream.pages;
    stream.sends = 0;
    stream.ids.clear();
  }
  page.records_max = records_per_page(stream);
  stream.waiting = true;
  ++stream.sends;
  stream.ids.push_back(page.id);
  stream.sent = step.now();
  // A page is much more work than a get.
  const Duration patience = plan_.candidates.at(member).patience * 4;
  stream.due =
      step.now() + std::min(patience, std::max<Duration>((deadline_ - step.now()) / 3, 1ms));
  step.send(member, std::move(page));
}

ScanMachine::Stream* ScanMachine::stream_of(msg::RequestId id, MemberNumber* member) {
  for (auto& [number, stream] : streams_) {
    const bool asked = std::find(stream.ids.begin(), stream.ids.end(), id) != stream.ids.end();
    if (!stream.waiting || !asked) continue;
    *member = number;
    return &stream;
  }
  return nullptr;
}

void ScanMachine::on_answer(const msg::ScanPageDone& done, const Moment& at,
                            CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  MemberNumber member = 0;
  Stream* stream = stream_of(done.id, &member);
  if (stream == nullptr) return settle(step);
  step.note_answered(member, stream->sent, false);
  plan_.candidates.at(member).up = true;
  if (done.answer == Answer::ok && take_page(member, *stream, done)) return settle(step);
  last_refusal_ = told_by(member, done.answer == Answer::ok ? Answer::invalid : done.answer);
  if (done.answer == Answer::stale_epoch && done.epoch > plan_.map->epoch && !frontier_ &&
      plan_number_ < settings_.replans_max) {
    replan_wanted_ = std::max(replan_wanted_.value_or(0), done.epoch);
    step.out.replan = replan_wanted_;
  }
  if (done.answer == Answer::corrupt) corrupt_.insert(member);
  lose(member, step);
  settle(step);
}

bool ScanMachine::is_sound(const Stream& stream, const std::vector<msg::KeyRecord>& records) const {
  const std::string& upper = request_.reverse ? stream.cursor : request_.to;
  const std::string& lower = request_.reverse ? request_.from : stream.cursor;
  for (size_t i = 0; i < records.size(); ++i) {
    const BytesView key = records[i].key.view();
    if (key.empty() || key < lower || (!upper.empty() && key >= upper)) return false;
    if (!is_of_kind(records[i].record, plan_.keyspace->record_kind())) return false;
    if (i > 0 && !comes_before(records[i - 1].key.view(), key)) return false;
  }
  return true;
}

// False for a page that breaks the order, has records of another kind, or that would never come to
// an end.
bool ScanMachine::take_page(MemberNumber member, Stream& stream, const msg::ScanPageDone& done) {
  if (!is_sound(stream, done.records)) return false;
  if (done.records.empty() && !done.exhausted) return false;
  stream.waiting = false;
  stream.due.reset();
  stream.exhausted = done.exhausted;
  stream.refilling.clear();
  if (!hints_count_) stream.refilling.insert(done.refilling.begin(), done.refilling.end());
  coverage_known_ = false;
  if (!done.records.empty()) stream.cursor = start_after(done.records.back().key.view());
  stream.page.clear();
  stream.position = 0;
  for (const msg::KeyRecord& record : done.records) {
    const Token token = token_of(plan_.keyspace->id, record.key.view());
    const PartitionId partition = partition_of(token, plan_.map->partition_bits);
    if (speaks_for(plan_, member, partition, hints_count_)) stream.page.push_back(record);
  }
  return true;
}

void ScanMachine::on_not_sent(msg::RequestId id, const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  MemberNumber member = 0;
  if (stream_of(id, &member) != nullptr) {
    step.note_timed_out(member);
    lose(member, step);
  }
  settle(step);
}

void ScanMachine::on_tick(const Moment& at, CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  std::vector<MemberNumber> lost;
  for (auto& [member, stream] : streams_) {
    if (!stream.due || *stream.due > at.now) continue;
    if (stream.sends < settings_.sends_max && plan_.candidates.at(member).up) {
      send_page(member, stream, step);
    } else {
      lost.push_back(member);
    }
  }
  for (MemberNumber member : lost) {
    step.note_timed_out(member);
    lose(member, step);
  }
  settle(step);
}

// What the member told up to here was merged already: it is asked for a page only when the one
// before it is used up.
void ScanMachine::lose(MemberNumber member, const Step& step) {
  streams_.erase(member);
  gone_.insert(member);
  if (!replan_wanted_) ask_members(step);
}

void ScanMachine::replan(ScanPlan plan, const Moment& at, CoordinatorActions* actions) {
  KV_ASSERT(plan.map->epoch >= plan_.map->epoch);
  const Step step{at, ids_, *actions};
  if (replan_wanted_ && !finished_) {
    replan_wanted_.reset();
    ++plan_number_;
    plan_ = std::move(plan);
    begin_plan(step);
  }
  settle(step);
}

void ScanMachine::abandon(Answer answer, const std::string& why, const Moment& at,
                          CoordinatorActions* actions) {
  const Step step{at, ids_, *actions};
  fail(answer, why, step);
  settle(step);
}

void ScanMachine::settle(const Step& step) {
  if (!finished_ && !replan_wanted_) advance(step);
  if (!finished_ && step.now() >= deadline_) end_short(step);
  step.out.finished = finished_;
  step.out.wake_at = finished_ ? std::nullopt : std::optional(deadline_);
  if (finished_) return;
  for (const auto& [member, stream] : streams_) {
    step.out.wake_at = earlier(step.out.wake_at, stream.due);
  }
}

void ScanMachine::advance(const Step& step) {
  while (!finished_) {
    if (page_is_full()) return finish_page(has_more(), step);
    if (fetch_more(step) || !is_covered(step)) return;
    const auto key = next_key();
    if (!key) return finish_page(false, step);
    take_key(*key, step);
  }
}

bool ScanMachine::has_more() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const auto& entry) {
    return entry.second.head() != nullptr || !entry.second.exhausted;
  });
}

// Asks those whose page is used up; true while any page is awaited.
bool ScanMachine::fetch_more(const Step& step) {
  bool awaited = false;
  for (auto& [member, stream] : streams_) {
    const bool used_up = stream.head() == nullptr && !stream.exhausted;
    if (used_up && !stream.waiting) send_page(member, stream, step);
    awaited |= stream.waiting;
  }
  return awaited;
}

bool ScanMachine::is_covered(const Step& step) {
  if (!coverage_known_) {
    Answering answering;
    for (const auto& [member, stream] : streams_) answering[member] = &stream.refilling;
    lacking_ = partitions_lacking(plan_, quorum(), answering);
    coverage_known_ = true;
  }
  if (lacking_ == 0 || KV_PLANTED(scan_without_quorum)) return true;
  end_short(step);
  return false;
}

std::optional<SharedBytes> ScanMachine::next_key() const {
  std::optional<SharedBytes> next;
  for (const auto& [member, stream] : streams_) {
    const msg::KeyRecord* head = stream.head();
    if (head == nullptr) continue;
    if (!next || comes_before(head->key.view(), next->view())) next = head->key;
  }
  return next;
}

void ScanMachine::take_key(const SharedBytes& key, const Step& step) {
  Record merged;
  for (auto& [member, stream] : streams_) {
    const msg::KeyRecord* head = stream.head();
    if (head == nullptr || head->key != key) continue;
    merged = merge(merged, head->record);
    ++stream.position;
  }
  frontier_ = std::string(key.view());
  ++looked_at_;
  msg::KeyRecord shown;
  shown.key = key;
  const auto visible = visible_siblings(merged, step.at.wall);
  if (visible.empty()) return;
  bytes_ += key.size();
  if (!request_.keys_only) {
    shown.record.kind = merged.kind;
    shown.record.context = merged.context;
    for (size_t index : visible) shown.record.siblings.push_back(merged.siblings[index]);
    bytes_ += shown.record.value_bytes();
  }
  records_.push_back(std::move(shown));
}

std::string ScanMachine::start_after(BytesView key) const {
  std::string start(key);
  // The least key above it; `to` is exclusive already.
  if (!request_.reverse) start.push_back('\0');
  return start;
}

void ScanMachine::finish_page(bool more, const Step& step) {
  msg::ScanDone done;
  done.id = request_.id;
  done.epoch = plan_.map->epoch;
  done.records = std::move(records_);
  done.more = more && frontier_.has_value();
  if (done.more) done.next = start_after(*frontier_);
  finished_ = true;
  step.out.reply = std::move(done);
}

// What is complete is worth having.
void ScanMachine::end_short(const Step& step) {
  frontier_ ? finish_page(true, step) : fail(shortfall(), facts(), step);
}

// *corrupt* where it would be lacking although all the others answered.
Answer ScanMachine::shortfall() const {
  const std::set<PartitionId> none;
  Answering sound;
  for (const auto& [member, candidate] : plan_.candidates) {
    if (corrupt_.count(member) == 0) sound[member] = &none;
  }
  return partitions_lacking(plan_, quorum(), sound) > 0 ? Answer::corrupt : Answer::unavailable;
}

void ScanMachine::fail(Answer answer, const std::string& why, const Step& step) {
  if (finished_) return;
  msg::ScanDone done;
  done.id = request_.id;
  done.answer = answer;
  done.detail = why;
  done.epoch = plan_.map->epoch;
  finished_ = true;
  step.out.reply = std::move(done);
}

std::string ScanMachine::facts() const {
  Answering answering;
  for (const auto& [member, stream] : streams_) {
    if (!stream.waiting) answering[member] = &stream.refilling;
  }
  const size_t lacking = partitions_lacking(plan_, quorum(), answering);
  std::string facts = std::to_string(lacking) + " of " +
                      std::to_string(plan_.placement->table.size()) + " partitions lack " +
                      std::to_string(needed_) +
                      " replicas that answer (R=" + std::to_string(needed_) + ", epoch " +
                      std::to_string(plan_.map->epoch) + ")";
  if (!last_refusal_.empty()) facts += "; " + last_refusal_;
  return facts;
}

bool ScanMachine::page_is_full() const {
  return records_.size() >= records_max_ || looked_at_ >= settings_.looked_at_max ||
         bytes_ >= settings_.bytes_max || ids_run_short();
}

// Each stream may ask for one more page, as often as that is sent; only many members with pages of
// few large records that are not shown come near it.
bool ScanMachine::ids_run_short() const {
  return frontier_ && ids_.left() < 2 * plan_.candidates.size() * settings_.sends_max;
}

}  // namespace kv
