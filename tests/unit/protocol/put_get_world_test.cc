// Puts and gets against a tiny world of replicas that mint and merge as the real ones do, over a
// network that loses, repeats, delays and reorders, with members that crash and lose what they had
// not synced. One key, one client that waits for each reply. Many seeds; what must hold:
//
// - acknowledged: W places hold it durably, a slot and its hint counted once;
// - unavailable: it is stored nowhere, then or ever after;
// - strict, R + W > N: a get sees every put acknowledged before it, and nothing acknowledged before
//   that: an overwrite stays an overwrite;
// - one attempt makes one dot.
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "libkv/base/planted.h"
#include "libkv/protocol/get_machine.h"
#include "libkv/protocol/put_machine.h"
#include "tests/kit/small_ring.h"

namespace kv {
namespace {

constexpr MemberNumber kMembers = 5;
constexpr size_t kCopies = 3;

struct Held {
  StoredRecord own;
  StoredRecord hint;
  std::set<MemberNumber> hint_for;
};

struct Replica {
  Held now;
  Held durable;
  uint64_t incarnation = 1;
  /// What was made for which attempt, so that a repeated request is answered and not made again.
  std::map<std::pair<PutId, Attempt>, Record> made;
  std::set<msg::RequestId> refused;
  unsigned life = 0;  ///< Syncs of an earlier life never complete.
  bool up = true;
};

struct PutSeen {
  bool acknowledged = false;
  bool tombstone = false;
  /// An earlier put without an answer was minted late, over this one.
  bool overtaken = false;
  bool nowhere = true;  ///< Every try so far was unavailable.
  CausalContext context;
};

class World {
 public:
  World(uint64_t seed, bool strict)
      : random_(seed),
        strict_(strict),
        ring_(kMembers, kCopies, 2, 2, strict),
        routing_(1, RoutingSettings()) {
    routing_.on_view(ring_.publish());
    for (MemberNumber m = 1; m <= kMembers; ++m) replicas_[m].incarnation = random_.next();
  }

  std::string run() {
    next_operation();
    schedule(Duration(0), [this] { disturb(); });
    while (!events_.empty() && problem_.empty() && steps_++ < 20'000) {
      auto event = events_.begin();
      at_.now = event->first.first;
      auto action = std::move(event->second);
      events_.erase(event);
      action();
    }
    if (problem_.empty()) check_end();
    return problem_;
  }

  size_t acknowledged() const { return acknowledged_; }
  size_t refused() const { return refused_; }
  size_t unknown() const { return unknown_; }
  size_t gets() const { return gets_; }

 private:
  using Action = std::function<void()>;

  void schedule(Duration delay, Action action) {
    events_.emplace(std::make_pair(at_.now + delay, sequence_++), std::move(action));
  }
  Duration delay() {
    const bool slow = random_.chance(0.08);
    return std::chrono::microseconds(random_.below(slow ? 700'000 : 2'000) + 50);
  }
  void blame(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }

  // ---- The network: everything may be lost, come twice, or come late.
  void travel(const Action& action) {
    if (random_.chance(loss_)) return;
    schedule(delay(), action);
    if (random_.chance(0.05)) schedule(delay(), action);
  }

  // A request that a connection repeats does not outlive it: a Mint that is lost with its member
  // and then comes once more would make a second dot, and nobody could tell.
  template <typename M>
  void send(MemberNumber member, const M& message) {
    const unsigned life = replicas_[member].life;
    const bool twice = random_.chance(0.05);
    const auto arrive = [this, member, message, life, twice] {
      if (!twice || replicas_[member].life == life) receive(member, message);
    };
    for (int i = 0; i < (twice ? 2 : 1); ++i) {
      if (!random_.chance(loss_)) schedule(delay(), arrive);
    }
  }

  template <typename M>
  void answer(const M& message) {
    travel([this, message] { deliver(message); });
  }

  // ---- The replicas.
  void sync(MemberNumber member, Action done) {
    const unsigned life = replicas_[member].life;
    const Held snapshot = replicas_[member].now;
    schedule(std::chrono::microseconds(random_.below(1'500) + 100),
             [this, member, life, snapshot, done] {
               Replica& replica = replicas_[member];
               if (replica.life != life) return;
               // Syncs complete in any order here, so what is durable only grows.
               merge_into(&replica.durable.own, snapshot.own.record);
               merge_into(&replica.durable.hint, snapshot.hint.record);
               replica.durable.own.mark = replica.now.own.mark;
               replica.durable.hint.mark = replica.now.hint.mark;
               replica.durable.hint_for.insert(snapshot.hint_for.begin(), snapshot.hint_for.end());
               done();
             });
  }

  void receive(MemberNumber member, const msg::Mint& mint) {
    Replica& replica = replicas_[member];
    if (!replica.up) return;
    msg::MintMade made;
    made.id = mint.id;
    made.epoch = mint.epoch;
    const auto before = replica.made.find({mint.put, mint.attempt});
    if (before != replica.made.end()) {
      made.record = before->second;
      made.repeated = true;
      return answer(made);
    }
    // What was refused stays refused when the connection repeats it.
    if (replica.refused.count(mint.id) != 0 || random_.chance(0.05)) {
      replica.refused.insert(mint.id);
      made.answer = Answer::busy;
      return answer(made);
    }
    MintRequest request;
    request.mode = mint.mode;
    request.context = mint.context;
    request.put = mint.put;
    request.attempt = mint.attempt;
    request.tombstone = mint.tombstone;
    request.value = mint.value;
    Minter minter;
    minter.member = member;
    minter.incarnation = replica.incarnation;
    StoredRecord& stored = mint.hint_for.empty() ? replica.now.own : replica.now.hint;
    MintOutcome outcome = kv::mint(&stored, request, minter, at_.wall, random_);
    if (outcome == MintOutcome::amnesia) {
      minter.incarnation = replica.incarnation = random_.next();
      outcome = kv::mint(&stored, request, minter, at_.wall, random_);
    }
    replica.now.hint_for.insert(mint.hint_for.begin(), mint.hint_for.end());
    note_dots(stored.record);
    note_overtaken(mint.put.number, stored.record.context);
    made.repeated = outcome == MintOutcome::repeated;
    made.record = stored.record;
    replica.made[{mint.put, mint.attempt}] = made.record;
    answer(made);
    sync(member, [this, id = mint.id] { answer(msg::MintDurable{id, Answer::ok}); });
  }

  void receive(MemberNumber member, const msg::Merge& merge) {
    Replica& replica = replicas_[member];
    if (!replica.up) return;
    msg::Merged merged;
    merged.id = merge.id;
    if (random_.chance(0.05)) {
      merged.answer = Answer::busy;
      return answer(merged);
    }
    StoredRecord& stored = merge.hint_for.empty() ? replica.now.own : replica.now.hint;
    merged.siblings_remain = !merge.record.context.covers(stored.record.context);
    merge_into(&stored, merge.record);
    replica.now.hint_for.insert(merge.hint_for.begin(), merge.hint_for.end());
    if (merged.siblings_remain) merged.context = stored.record.context;
    merged.digest = digest_of(stored.record);
    sync(member, [this, merged] { answer(merged); });
  }

  void receive(MemberNumber member, const msg::Read& read) {
    Replica& replica = replicas_[member];
    if (!replica.up) return;
    msg::ReadDone done;
    done.id = read.id;
    done.record = member <= kCopies ? replica.now.own.record : replica.now.hint.record;
    done.digest = digest_of(done.record);
    done.has_record = !read.digest_only;
    if (read.digest_only) done.record = Record();
    if (!read.durable) return answer(done);
    sync(member, [this, done] { answer(done); });
  }

  void receive(MemberNumber member, const msg::Owe& owe) {
    if (replicas_[member].up) answer(msg::Done{owe.id, Answer::ok, owe.epoch, ""});
  }
  void receive(MemberNumber, const msg::ScanPage&) {}

  void note_dots(const Record& record) {
    for (const Sibling& sibling : record.siblings) {
      const auto attempt = std::make_pair(sibling.put, sibling.attempt);
      if (dots_.emplace(attempt, sibling.dot).first->second != sibling.dot) {
        blame("one attempt made two dots");
      }
    }
  }

  void note_overtaken(uint64_t number, const CausalContext& context) {
    for (const auto& [attempt, dot] : dots_) {
      const uint64_t later = attempt.first.number;
      if (later > number && context.covers(dot)) puts_[later].overtaken = true;
    }
  }

  void crash(Replica* replica) {
    replica->now = replica->durable;
    replica->made.clear();
    replica->incarnation = random_.next();
    ++replica->life;
    replica->up = false;
  }

  // Crashes, restarts, and what the view hears of them, now and then wrongly, either way.
  void disturb() {
    const auto member = static_cast<MemberNumber>(1 + random_.below(kMembers));
    Replica& replica = replicas_[member];
    if (replica.up && random_.chance(0.5)) {
      crash(&replica);
      replica.up = random_.chance(0.5);
    } else {
      replica.up = true;
    }
    // Else hardly anything would be unavailable: the view alone makes nothing so.
    if (random_.chance(0.05)) {
      for (MemberNumber m = 1; m <= kMembers; ++m) crash(&replicas_[m]);
    }
    loss_ = random_.chance(0.3) ? 0.25 : 0.02;
    if (random_.chance(0.7)) {
      for (MemberNumber m = 1; m <= kMembers; ++m) {
        const bool is_wrong = random_.chance(0.15);
        ring_.set_up(m, replicas_[m].up != is_wrong);
      }
      routing_.on_view(ring_.publish());
    }
    if (operation_ < 25) {
      schedule(std::chrono::milliseconds(random_.below(300)), [this] { disturb(); });
    }
  }

  // ---- The coordinator.
  struct Operation {
    std::unique_ptr<PutMachine> put;
    std::unique_ptr<GetMachine> get;
    bool current = true;
    unsigned wake = 0;
  };

  template <typename Call>
  void step(uint64_t number, Call&& call) {
    const auto found = operations_.find(number);
    if (found == operations_.end()) return;
    CoordinatorActions actions;
    Operation& operation = found->second;
    operation.put ? call(*operation.put, &actions) : call(*operation.get, &actions);
    perform(number, actions);
  }

  template <typename M>
  void deliver(const M& message) {
    step(message.id >> kRequestIdBits, [&](auto& machine, CoordinatorActions* actions) {
      if constexpr (requires { machine.on_answer(message, at_, actions); }) {
        machine.on_answer(message, at_, actions);
      }
    });
  }

  void perform(uint64_t number, const CoordinatorActions& actions) {
    for (const MemberNote& note : actions.notes) routing_.note(note, at_.now);
    for (const ToNode& to : actions.to_nodes) {
      std::visit([&](const auto& message) { send(to.to, message); }, to.message);
    }
    Operation& operation = operations_[number];
    const unsigned wake = ++operation.wake;
    if (actions.wake_at && !actions.finished) {
      const Duration wait = std::max(Duration(0), *actions.wake_at - at_.now);
      schedule(wait, [this, number, wake] {
        const auto found = operations_.find(number);
        if (found == operations_.end() || found->second.wake != wake) return;
        step(number, [&](auto& machine, CoordinatorActions* out) { machine.on_tick(at_, out); });
      });
    } else if (!actions.finished) {
      blame("a machine sleeps for ever");
    }
    const bool current = operation.current;
    if (actions.reply) operation.current = false;
    if (actions.finished) operations_.erase(number);
    if (!actions.reply || !current) return;
    if (const auto* done = std::get_if<msg::PutDone>(&*actions.reply)) put_is_done(*done);
    if (const auto* done = std::get_if<msg::GetDone>(&*actions.reply)) get_is_done(*done);
  }

  // ---- The client.
  void next_operation() {
    if (++operation_ > 25) return;
    at_.wall += std::chrono::milliseconds(1);
    const bool get = random_.chance(0.4);
    if (get) return start_get();
    put_ = msg::ClientPut();
    put_.put = {99, operation_};
    put_.tombstone = random_.chance(0.15);
    if (!put_.tombstone) put_.value = SharedBytes(std::to_string(operation_));
    put_.key = SharedBytes("k");
    put_.time_left = std::chrono::milliseconds(50 + random_.below(1'500));
    const bool contextual = seen_ && random_.chance(0.4);
    put_.mode = contextual ? PutMode::over_context : PutMode::over_what_is_there;
    if (contextual) put_.context = *seen_;
    puts_[operation_].tombstone = put_.tombstone;
    start_put();
  }

  void start_put() {
    seen_.reset();
    const uint64_t number = ++last_number_;
    put_.id = number;
    Operation& operation = operations_[number];
    operation.put = std::make_unique<PutMachine>(PutSettings(), put_, ring_.plan(routing_, at_.now),
                                                 number << kRequestIdBits);
    step(number, [&](auto& machine, CoordinatorActions* actions) { machine.start(at_, actions); });
  }

  void start_get() {
    const uint64_t number = ++last_number_;
    msg::ClientGet get;
    get.id = number;
    get.key = SharedBytes("k");
    get.time_left = 1500ms;
    Operation& operation = operations_[number];
    operation.get = std::make_unique<GetMachine>(GetSettings(), get, ring_.plan(routing_, at_.now),
                                                 number << kRequestIdBits);
    step(number, [&](auto& machine, CoordinatorActions* actions) { machine.start(at_, actions); });
  }

  static bool has(const Record& record, const PutId& put) {
    for (const Sibling& sibling : record.siblings) {
      if (sibling.put == put) return true;
    }
    return false;
  }

  void put_is_done(const msg::PutDone& done) {
    PutSeen& put = puts_[put_.put.number];
    if (done.answer == Answer::ok) {
      ++acknowledged_;
      put.acknowledged = true;
      put.nowhere = false;
      put.context = done.context;
      last_acknowledged_ = put_.put.number;
      check_places(done);
    } else if (done.answer == Answer::unavailable) {
      ++refused_;
      if (put.nowhere) check_nowhere(put_.put);
    } else {
      ++unknown_;
      put.nowhere = false;
    }
    const bool again = done.answer != Answer::ok && put_.try_number < 3 && random_.chance(0.6);
    schedule(std::chrono::microseconds(random_.below(3'000)), [this, again] {
      if (!again) return next_operation();
      ++put_.try_number;
      start_put();
    });
  }

  void check_places(const msg::PutDone& done) {
    if (puts_[put_.put.number].overtaken) return;
    std::set<MemberNumber> slots;
    size_t hints = 0;
    for (MemberNumber member = 1; member <= kMembers; ++member) {
      const Held& held = replicas_[member].durable;
      if (member <= kCopies && has(held.own.record, put_.put)) slots.insert(member);
    }
    for (MemberNumber member = 1; member <= kMembers; ++member) {
      const Held& held = replicas_[member].durable;
      if (!has(held.hint.record, put_.put)) continue;
      const bool useful = std::any_of(held.hint_for.begin(), held.hint_for.end(),
                                      [&](MemberNumber m) { return slots.count(m) == 0; });
      if (useful) ++hints;
    }
    if (slots.size() < done.slots) blame("fewer slots hold it than the reply says");
    const size_t places = slots.size() + (strict_ ? 0 : hints);
    if (places < 2) blame("acknowledged in fewer than W places");
  }

  void check_nowhere(const PutId& put) {
    for (const auto& [member, replica] : replicas_) {
      for (const Held* held : {&replica.now, &replica.durable}) {
        if (has(held->own.record, put) || has(held->hint.record, put)) {
          blame("unavailable, but stored");
        }
      }
    }
  }

  void get_is_done(const msg::GetDone& done) {
    const bool answered = done.answer == Answer::ok || done.answer == Answer::not_found;
    if (answered) {
      ++gets_;
      seen_ = done.record.context;
      if (strict_) check_strict_get(done);
    }
    schedule(std::chrono::microseconds(random_.below(3'000)), [this] { next_operation(); });
  }

  void check_strict_get(const msg::GetDone& done) {
    bool current = last_acknowledged_ == 0 || puts_[last_acknowledged_].tombstone ||
                   puts_[last_acknowledged_].overtaken;
    for (const Sibling& sibling : done.record.siblings) {
      const uint64_t number = sibling.put.number;
      if (number >= last_acknowledged_) current = true;
      if (number < last_acknowledged_ && puts_[number].acknowledged) {
        blame("an overwritten value is visible");
      }
    }
    // What came after may have deleted it.
    for (const auto& [number, put] : puts_) {
      if (number > last_acknowledged_ && put.tombstone) current = true;
    }
    if (!current) blame("a strict get missed an acknowledged put");
  }

  void check_end() {
    if (operation_ <= 25) blame("the client waits for ever");
    if (!operations_.empty()) blame("a machine lives for ever");
    Record all;
    for (const auto& [member, replica] : replicas_) {
      all = merge(all, replica.durable.own.record);
      all = merge(all, replica.durable.hint.record);
    }
    for (const auto& [number, put] : puts_) {
      if (put.nowhere && !put.acknowledged) check_nowhere({99, number});
      if (!put.acknowledged) continue;
      for (const auto& entry : put.context.actors()) {
        const bool seen = all.context.counter_of(entry.actor) >= entry.counter;
        if (!seen) blame("an acknowledged put is lost");
      }
    }
  }

  Random random_;
  bool strict_;
  testing::SmallRing ring_;
  Routing routing_;
  Moment at_;
  double loss_ = 0.02;
  std::map<std::pair<Instant, uint64_t>, Action> events_;
  uint64_t sequence_ = 0;
  size_t steps_ = 0;
  std::map<MemberNumber, Replica> replicas_;
  std::map<std::pair<PutId, Attempt>, Dot> dots_;
  std::map<uint64_t, Operation> operations_;
  uint64_t last_number_ = 0;
  uint64_t operation_ = 0;
  msg::ClientPut put_;
  std::map<uint64_t, PutSeen> puts_;
  uint64_t last_acknowledged_ = 0;
  std::optional<CausalContext> seen_;
  std::string problem_;
  size_t acknowledged_ = 0;
  size_t refused_ = 0;
  size_t unknown_ = 0;
  size_t gets_ = 0;
};

/// A longer run: KV_SEEDS=100000.
const uint64_t kSeeds = [] {
  const char* asked = std::getenv("KV_SEEDS");
  return asked == nullptr ? uint64_t{500} : std::strtoull(asked, nullptr, 10);
}();

std::string first_problem(bool strict, size_t counts[4]) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    World world(seed, strict);
    const std::string problem = world.run();
    if (!problem.empty()) return "seed " + std::to_string(seed) + ": " + problem;
    counts[0] += world.acknowledged();
    counts[1] += world.refused();
    counts[2] += world.unknown();
    counts[3] += world.gets();
  }
  return "";
}

void expect_no_problem(bool strict) {
  size_t counts[4] = {};
  EXPECT_EQ(first_problem(strict, counts), "");
  // Else the world would be too kind, or too cruel, to tell anything.
  EXPECT_GT(counts[0], kSeeds * 5) << "acknowledged";
  EXPECT_GT(counts[1], 20u) << "unavailable";
  EXPECT_GT(counts[2], 20u) << "unknown";
  EXPECT_GT(counts[3], kSeeds * 4) << "gets";
}

TEST(PutGetWorld, StrictQuorumsKeepTheirWord) {
  expect_no_problem(true);
}

TEST(PutGetWorld, SloppyQuorumsKeepTheirWord) {
  expect_no_problem(false);
}

#ifdef KV_PLANTED_BUGS
TEST(PutGetWorld, PlantedBugsAreCaught) {
  for (const char* name : {"mint_at_two_slots", "count_slot_and_hint_twice", "ack_at_w_minus_one",
                           "skip_second_put"}) {
    set_planted_bug(name);
    size_t counts[4] = {};
    EXPECT_FALSE(first_problem(true, counts).empty() && first_problem(false, counts).empty())
        << name;
  }
  set_planted_bug("");
}
#endif

}  // namespace
}  // namespace kv
