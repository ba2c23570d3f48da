#include <algorithm>
#include <utility>

#include "libkv/base/planted.h"
#include "libkv/protocol/map_register.h"

namespace kv {

bool is_voter(const MapPointer& map, MemberNumber member, uint64_t store_id) {
  if (!map) return false;
  const bool named = std::find(map->voters.begin(), map->voters.end(), member) != map->voters.end();
  const MemberInfo* info = map->member(member);
  if (!named || info == nullptr) return false;
  return info->store_id == store_id || KV_PLANTED(vote_after_store_loss);
}

Voter::Voter(const Settings& settings, AcceptorRow durable, MapPointer held, Instant now)
    : settings_(settings), row_(std::move(durable)), held_(std::move(held)), accepted_at_(now) {}

void Voter::on_map(MapPointer map) {
  held_ = std::move(map);
}

bool Voter::may_vote() const {
  return !stopped_ && is_voter(held_, settings_.self, settings_.store_id);
}

// Before the first map everybody promises: whom that map names is seen when it is to be accepted.
bool Voter::may_vote_on(Epoch epoch, const ClusterId& cluster) const {
  if (!held_) return epoch == 1 && !stopped_;
  return epoch == held_->epoch + 1 && cluster == held_->cluster && may_vote();
}

// A row of an epoch that is past is void: that epoch's decision is held.
AcceptorRow Voter::row_of(Epoch epoch) const {
  if (row_.epoch == epoch) return row_;
  AcceptorRow fresh;
  fresh.epoch = epoch;
  return fresh;
}

MapPointer Voter::decided_at(Epoch epoch) const {
  return held_ && held_->epoch >= epoch ? held_ : nullptr;
}

void Voter::pull_if_behind(Epoch epoch, MemberNumber from, GossipActions& actions) const {
  const Epoch held = held_ ? held_->epoch : 0;
  if (epoch > held + 1) actions.push_back(Send{from, msg::MapPull{held}, nullptr});
}

void Voter::on_prepare(const msg::Prepare& prepare, AskerId asker, GossipActions& actions) {
  AcceptorRow row = row_of(prepare.epoch);
  msg::Promise promise;
  promise.id = prepare.id;
  promise.voter = settings_.self;
  promise.store_id = settings_.store_id;
  promise.decided = decided_at(prepare.epoch);
  if (may_vote_on(prepare.epoch, prepare.cluster) && prepare.ballot >= row.promised) {
    if (prepare.ballot > row.promised) {
      row.promised = prepare.ballot;
      actions.push_back(Persist{row});
      row_ = row;
    }
    promise.promised = true;
    promise.accepted_ballot = row.accepted_ballot;
    promise.accepted = row.accepted;
  }
  promise.ballot = row.promised;
  pull_if_behind(prepare.epoch, prepare.ballot.member, actions);
  actions.push_back(ReplyTo{asker, std::move(promise)});
}

bool Voter::may_accept(const msg::Accept& accept, const AcceptorRow& row) const {
  if (!accept.map || accept.map->epoch != accept.epoch || !check(*accept.map)) return false;
  if (!may_vote_on(accept.epoch, accept.map->cluster) || accept.ballot < row.promised) return false;
  if (!held_ && !is_voter(accept.map, settings_.self, settings_.store_id)) return false;
  // One ballot stands for one map. Another map under it means that a proposer has forgotten one.
  const bool same_ballot = row.accepted && accept.ballot == row.accepted_ballot;
  return !same_ballot || *accept.map == *row.accepted;
}

void Voter::on_accept(const msg::Accept& accept, AskerId asker, Instant now,
                      GossipActions& actions) {
  AcceptorRow row = row_of(accept.epoch);
  msg::Accepted answer;
  answer.id = accept.id;
  answer.voter = settings_.self;
  answer.store_id = settings_.store_id;
  answer.decided = decided_at(accept.epoch);
  if (may_accept(accept, row)) {
    if (!row.accepted || accept.ballot > row.accepted_ballot) {
      row.promised = row.accepted_ballot = accept.ballot;
      row.accepted = accept.map;
      actions.push_back(Persist{row});
      row_ = row;
      accepted_at_ = now;
    }
    answer.accepted = true;
  }
  answer.ballot = row.promised;
  pull_if_behind(accept.epoch, accept.ballot.member, actions);
  actions.push_back(ReplyTo{asker, std::move(answer)});
}

MapPointer Voter::orphan(Instant now) const {
  const Epoch next = held_ ? held_->epoch + 1 : 1;
  const bool waits = !stopped_ && row_.epoch == next && row_.accepted != nullptr;
  return waits && now - accepted_at_ >= settings_.orphaned_after ? row_.accepted : nullptr;
}

}  // namespace kv
