// kv-coordinator: takes clients' requests, runs one machine for each, and talks to kv-nodes for
// them. Keeps no data: any member's serves any key.
//
//   client ── ClientPut/Get/Scan ──▶ operation = machine + who asked ──▶ Mint, Merge, Read, …
//          ◀── PutDone/GetDone/… ──        ▲            │
//                                          └─ answers ──┘   found by id >> 16
//
// Without sockets or threads: the event loop and the simulator drive it alike.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>

#include "libkv/base/environment.h"
#include "libkv/protocol/get_machine.h"
#include "libkv/protocol/put_machine.h"
#include "libkv/protocol/routing.h"
#include "libkv/protocol/scan_machine.h"
#include "libkv/service/admin_desk.h"
#include "libkv/service/dispatch.h"
#include "libkv/service/map_watch.h"
#include "libkv/service/outbox.h"
#include "libkv/service/wake_queue.h"
#include "libkv/transport/loop_handler.h"

namespace kv {

struct CoordinatorSettings {
  size_t value_bytes_max = limits::value_bytes_max_default;
  size_t operations_max = limits::requests_in_flight_max;
  /// Of what all operations hold at a time: keys, values, and records that came for them. Above it
  /// requests are answered busy at once.
  size_t operations_bytes_max = limits::operations_bytes_max;
  RoutingSettings routing;
  PutSettings put;
  GetSettings get;
  ScanSettings scan;
};

struct CoordinatorCounters {
  uint64_t puts = 0, gets = 0, scans = 0;
  uint64_t answers_ok = 0, answers_unavailable = 0, answers_unknown = 0, answers_refused = 0;
  uint64_t busy = 0, late_answers = 0, replans = 0, not_sent = 0;
};

class CoordinatorService final : public LoopHandler {
 public:
  CoordinatorService(Environment& environment, Transport& transport, const MemberInfo& self,
                     const CoordinatorSettings& settings);

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override;
  void on_tick(Instant now) override;
  void end_of_turn(Instant now) override;

  /// Answers what is still open, for a stop that finishes cleanly.
  void abandon_all();

 private:
  struct Receiver;
  using Machine = std::variant<std::unique_ptr<PutMachine>, std::unique_ptr<GetMachine>,
                               std::unique_ptr<ScanMachine>>;
  struct Operation {
    PeerId client = PeerId::none;
    Machine machine;
    size_t bytes = 0;  ///< That it holds.
    Epoch replan = 0;  ///< Waits for a map of this epoch; 0: does not.
    WakeQueue::Wake wake;
  };

  Moment moment(Instant now) { return {now, environment_.clock.wall()}; }
  template <typename Reply>
  void refuse(PeerId client, msg::RequestId id, Answer answer, std::string detail);
  template <typename Request>
  bool admit(const Request& request, PeerId client, const Keyspace** keyspace);
  template <typename M, typename Request, typename Settings>
  void begin_keyed(const Settings& settings, PeerId client, Request request,
                   const Keyspace& keyspace, Instant now);
  void begin_put(PeerId client, msg::ClientPut request, Instant now);
  void begin_get(PeerId client, msg::ClientGet request, Instant now);
  void begin_scan(PeerId client, msg::ClientScan request, Instant now);
  template <typename M>
  void begin(uint64_t number, PeerId client, std::unique_ptr<M> machine, Instant now);
  Operation* find(uint64_t number);
  void end(uint64_t number, const Operation& operation);
  template <typename Answered>
  void route(Answered answered, Instant now);
  CoordinatorActions no_actions();
  void perform(uint64_t number, Operation& operation, CoordinatorActions actions, Instant now);
  void tell_not_sent(uint64_t number, const std::vector<msg::RequestId>& ids, Instant now);
  void send(const std::vector<ToNode>& requests, std::vector<msg::RequestId>* not_sent);
  void reply(const Operation& operation, const CoordinatorActions& actions);
  void on_view(Instant now);
  void replan(uint64_t number, Instant now);
  Report status() const;

  Environment& environment_;
  const MemberInfo self_;
  const CoordinatorSettings settings_;
  Outbox outbox_;
  MapWatch watch_;
  Routing routing_;
  AdminDesk admin_;
  WakeQueue wakes_;
  std::unordered_map<uint64_t, Operation> operations_;  ///< Never iterated where order shows.
  size_t operations_bytes_ = 0;
  CoordinatorActions spare_;  ///< Keeps the room of its lists for the next event.
  std::set<uint64_t> replanning_;
  uint64_t next_operation_;
  CoordinatorCounters counters_;
  DispatchCounters frames_;
};

}  // namespace kv
