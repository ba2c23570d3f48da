#include <algorithm>
#include <utility>

#include "libkv/protocol/map_register.h"

namespace kv {
namespace {

// The counter of a ballot, from the top: the round, which makes later ballots higher; then what
// keeps one map to a ballot even if this process forgets its rounds: the start number, and bits
// drawn by chance for the case that its store was rolled back as well.
uint64_t ballot_counter(uint64_t round, uint64_t start_number, uint64_t drawn) {
  constexpr uint64_t kTwentyBits = (1u << 20) - 1;
  return (round << 40) | ((start_number & kTwentyBits) << 20) | (drawn & kTwentyBits);
}
uint64_t round_of(const msg::Ballot& ballot) {
  return ballot.counter >> 40;
}

std::string epoch_text(Epoch epoch) {
  return "epoch " + std::to_string(epoch);
}

}  // namespace

Proposer::Proposer(const Settings& settings, Random random, MapPointer held)
    : settings_(settings), random_(random), held_(std::move(held)) {}

void Proposer::on_propose(const msg::Propose& propose, AskerId asker, Instant now,
                          GossipActions& actions) {
  Proposal proposal;
  proposal.id = propose.id;
  proposal.asker = asker;
  proposal.deadline = now + std::min(propose.time_left, limits::request_timeout_max);
  proposal.map = propose.map;
  if (!propose.map) return answer(proposal, Answer::invalid, "there is no map in it", actions);
  if (const Status sound = check(*propose.map); !sound) {
    return answer(proposal, Answer::invalid, sound.error().what, actions);
  }
  if (held_ && propose.map->cluster != held_->cluster) {
    return answer(proposal, Answer::wrong_cluster, "the map is of another cluster", actions);
  }
  if (queue_.size() >= settings_.queue_max) {
    return answer(proposal, Answer::busy, "too many proposals wait here", actions);
  }
  enqueue(std::move(proposal), now, actions);
}

void Proposer::finish(MapPointer orphan, Instant now, GossipActions& actions) {
  if (!orphan || !is_idle()) return;
  Proposal proposal;
  proposal.answered_to_nobody = true;
  proposal.deadline = now + settings_.finish_within;
  proposal.map = std::move(orphan);
  enqueue(std::move(proposal), now, actions);
}

void Proposer::enqueue(Proposal proposal, Instant now, GossipActions& actions) {
  queue_.push_back(std::move(proposal));
  if (phase_ == Phase::idle) begin(now, actions);
}

// Begins the front proposal; those that can no longer or not yet be the next epoch end at once.
void Proposer::begin(Instant now, GossipActions& actions) {
  phase_ = Phase::idle;
  while (!queue_.empty()) {
    const Epoch epoch = current().map->epoch;
    if (epoch == epoch_held() + 1) break;
    const bool ahead = epoch > epoch_held();
    const Answer result = ahead ? Answer::unavailable : outcome(current(), false);
    answer(current(), result, epoch_text(epoch_held()) + " is the one held", actions);
    queue_.pop_front();
  }
  if (queue_.empty()) return;
  pursued_ = current().map;
  accept_went_out_ = false;
  defeats_ = 0;
  begin_round(now, actions);
}

void Proposer::begin_round(Instant now, GossipActions& actions) {
  ++round_;
  ballot_ = {ballot_counter(round_, settings_.start_number, random_.next()), settings_.self};
  request_ = random_.next();
  phase_ = Phase::preparing;
  promises_.clear();
  accepted_.clear();
  send_round(now, actions);
}

// The question of the present phase, to every voter that has not answered it.
void Proposer::send_round(Instant now, GossipActions& actions) {
  resend_at_ = now + settings_.resend_after;
  const Epoch epoch = current().map->epoch;
  if (phase_ == Phase::preparing) {
    send_to_voters(msg::Prepare{request_, epoch, ballot_, electorate().cluster}, true, actions);
  } else {
    accept_went_out_ = accept_went_out_ || *pursued_ == *current().map;
    send_to_voters(msg::Accept{request_, epoch, ballot_, pursued_}, true, actions);
  }
}

void Proposer::send_to_voters(const GossipMessage& message, bool only_missing,
                              GossipActions& actions) {
  for (const MemberNumber voter : electorate().voters) {
    const bool answered =
        phase_ == Phase::preparing ? promises_.count(voter) != 0 : accepted_.count(voter) != 0;
    if (only_missing && answered) continue;
    actions.push_back(Send{voter, message, held_ ? nullptr : pursued_});
  }
}

bool Proposer::counts(MemberNumber voter, uint64_t store_id) const {
  const MapPointer map = held_ ? held_ : pursued_;
  return is_voter(map, voter, store_id);
}

void Proposer::on_promise(const msg::Promise& promise, Instant now, GossipActions& actions) {
  if (phase_ != Phase::preparing || promise.id != request_) return;
  if (promise.decided && take_decided(promise.decided, now, actions)) return;
  if (!promise.promised) return defeated(promise.ballot, now);
  if (promise.ballot != ballot_ || !counts(promise.voter, promise.store_id)) return;
  promises_[promise.voter] = promise;
  if (promises_.size() >= majority_of(electorate().voters.size())) choose(now, actions);
}

// A voter promised a higher ballot to somebody: try again above it, after a while drawn by chance
// so that two proposers do not go on overtaking each other.
void Proposer::defeated(const msg::Ballot& by, Instant now) {
  if (by <= ballot_) return;  // It may not vote, or is behind; the others decide.
  round_ = std::max(round_, round_of(by));
  phase_ = Phase::backing_off;
  const auto longest = settings_.backoff.count() << std::min(defeats_++, 5u);
  resend_at_ = now + Duration(random_.below(static_cast<uint64_t>(longest) + 1));
}

// A majority has promised: the map accepted under the highest ballot may be decided already, so it
// is the one to go on with.
void Proposer::choose(Instant now, GossipActions& actions) {
  MapPointer found;
  msg::Ballot highest;
  for (const auto& [voter, promise] : promises_) {
    if (!promise.accepted || promise.accepted_ballot < highest) continue;
    highest = promise.accepted_ballot;
    found = promise.accepted;
  }
  const MapPointer own = held_ ? current().map : pursued_;
  const MapPointer value = found ? found : own;
  const bool other_voters =
      !held_ && (value->voters != pursued_->voters || value->cluster != pursued_->cluster);
  pursued_ = value;
  // Two first maps may name different voters. The one found is for its own voters to decide.
  if (other_voters) return begin_round(now, actions);
  phase_ = Phase::accepting;
  send_round(now, actions);
}

void Proposer::on_accepted(const msg::Accepted& accepted, Instant now, GossipActions& actions) {
  if (phase_ != Phase::accepting || accepted.id != request_) return;
  if (accepted.decided && take_decided(accepted.decided, now, actions)) return;
  if (!accepted.accepted) return defeated(accepted.ballot, now);
  if (!counts(accepted.voter, accepted.store_id)) return;
  accepted_.insert(accepted.voter);
  if (accepted_.size() >= majority_of(electorate().voters.size())) decide(now, actions);
}

// Announced to the voters of both maps; the others hear of it by gossip. The proposal ends when
// the map has been adopted here (on_map).
void Proposer::decide(Instant now, GossipActions& actions) {
  phase_ = Phase::decided;
  const MapPointer map = pursued_;
  std::set<MemberNumber> told(map->voters.begin(), map->voters.end());
  told.insert(electorate().voters.begin(), electorate().voters.end());
  told.erase(settings_.self);
  actions.push_back(Decided{map});
  for (const MemberNumber voter : told) actions.push_back(Send{voter, msg::MapPush{map}, map});
  if (map->cluster != current().map->cluster) {
    end(Answer::conflict, "the members belong to cluster " + map->cluster.to_hex(), now, actions);
  }
}

// A voter holds the decided map of this epoch or a later one. One of another cluster is not ours
// to adopt: it means that the first map named a member that belongs elsewhere.
bool Proposer::take_decided(const MapPointer& map, Instant now, GossipActions& actions) {
  if (map->epoch < current().map->epoch) return false;
  if (map->cluster != current().map->cluster) {
    end(Answer::conflict, "a voter belongs to cluster " + map->cluster.to_hex(), now, actions);
    return true;
  }
  phase_ = Phase::decided;
  actions.push_back(Decided{map});
  return true;
}

Answer Proposer::outcome(const Proposal& proposal, bool accept_went_out) const {
  if (epoch_held() == proposal.map->epoch) {
    return *held_ == *proposal.map ? Answer::ok : Answer::conflict;
  }
  // What was decided for its epoch is not known here any more.
  return accept_went_out ? Answer::unknown : Answer::conflict;
}

void Proposer::on_map(MapPointer map, Instant now, GossipActions& actions) {
  held_ = std::move(map);
  if (phase_ == Phase::idle || current().map->epoch > epoch_held()) return;
  const Answer result = outcome(current(), accept_went_out_);
  end(result, epoch_text(epoch_held()) + ": " + held_->reason, now, actions);
}

void Proposer::end(Answer result, std::string detail, Instant now, GossipActions& actions) {
  answer(current(), result, std::move(detail), actions);
  queue_.pop_front();
  begin(now, actions);
}

void Proposer::answer(const Proposal& proposal, Answer result, std::string detail,
                      GossipActions& actions) const {
  if (proposal.answered_to_nobody) return;
  msg::Proposed proposed{proposal.id, result, epoch_held(), std::move(detail)};
  actions.push_back(ReplyTo{proposal.asker, std::move(proposed)});
}

void Proposer::on_tick(Instant now, GossipActions& actions) {
  while (phase_ != Phase::idle && now >= current().deadline) {
    const size_t voters = electorate().voters.size();
    const bool accepting = phase_ == Phase::accepting;
    const size_t answered = accepting ? accepted_.size() : promises_.size();
    end(accept_went_out_ ? Answer::unknown : Answer::unavailable,
        std::to_string(answered) + " of " + std::to_string(voters) + " voters " +
            (accepting ? "accepted, " : "promised, ") + std::to_string(majority_of(voters)) +
            " are needed",
        now, actions);
  }
  if (phase_ == Phase::idle || now < resend_at_) return;
  if (phase_ == Phase::backing_off)
    begin_round(now, actions);
  else if (phase_ != Phase::decided)
    send_round(now, actions);
}

Instant Proposer::next_wake() const {
  if (phase_ == Phase::idle) return Instant::max();
  if (phase_ == Phase::decided) return current().deadline;
  return std::min(current().deadline, resend_at_);
}

}  // namespace kv
