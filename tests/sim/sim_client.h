// A simulated client: one request after another through the client library's own machine
// (protocol/client_request.h), at a random pace, on few keys so that clients meet. What it is told
// goes to the judge.
//
// Keys are `KEYSPACE/NUMBER`; those of odd numbers are never deleted, so that a scan can be held to
// show them.
//
// Single-threaded. Network, history and trace must outlive it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/protocol/client_request.h"
#include "tests/sim/sim_cluster.h"

namespace kv {

struct SimClientOptions {
  uint64_t seed = 1;
  SimHost host = 0;
  unsigned keys = 8;  ///< Of each keyspace.
  Duration pause_max = 60ms;
  double writes = 0.5;
  double deletes = 0.15;  ///< Of the writes.
  double siblings = 0.05;
  double contexts = 0.5;
  double scans = 0.05;  ///< Of the reads.
  double overrides = 0.15;
  double big_values = 0.1;    ///< Of the writes.
  std::string keyspace = {};  ///< To which most requests go.
};

class SimClient final : public LoopHandler {
 public:
  SimClient(SimCluster& cluster, const SimClientOptions& options);

  /// Begins requests until finish().
  void run();
  void finish() { running_ = false; }
  bool idle() const { return !request_; }
  /// Reads a key from all its slots, once idle.
  void read_all(const SimKeyspace& keyspace, const std::string& key);
  /// The last get's answer.
  const msg::GetDone& last_get() const { return last_get_; }

  static std::string key_name(const SimKeyspace& keyspace, unsigned number);

  void on_frame(PeerId from, Frame frame, Instant now) override;
  Instant next_wake() const override { return wake_; }
  void on_tick(Instant now) override;
  void end_of_turn(Instant now) override;

  void on(msg::PutDone&& done) { on_reply(done); }
  void on(msg::GetDone&& done) { on_reply(done); }
  void on(msg::ScanDone&& done) { on_reply(done); }

 private:
  struct Scan {
    std::set<std::string> expected;  // Of a strict one, what must be shown.
    std::set<std::string> shown;
    std::string last;
    bool strict = false;
    History::StrictGet terms;
  };

  void begin_something(Instant now);
  void begin_put(const SimKeyspace& keyspace, unsigned number, Instant now);
  void begin_get(const SimKeyspace& keyspace, unsigned number, Instant now);
  void begin_scan(const SimKeyspace& keyspace, Instant now);
  void begin(ClientMessage message, Instant now);
  void on_reply(const ClientReply& reply);
  void perform(ClientActions actions, Instant now);
  void over(const ClientReply& reply, Instant now);
  void put_over(const msg::PutDone& done, Instant now);
  void get_over(const msg::GetDone& done, Instant now);
  void scan_page_over(const msg::ScanDone& done, Instant now);
  void pause(Instant now);
  unsigned quorum(unsigned usual, unsigned n, uint8_t* asked);

  SimCluster& cluster_;
  const SimClientOptions options_;
  Random random_;
  const std::vector<Endpoint> endpoints_;
  SimProcess process_;
  bool running_ = false;
  Instant now_{};
  Instant wake_ = Instant::max();

  std::optional<ClientRequest> request_;
  ClientMessage message_;
  std::string key_;
  History::StrictGet strict_get_;  // n is 0 unless the get is strict.
  Scan scan_;
  msg::RequestId next_base_ = 1;
  PutId next_put_;
  std::map<std::string, CausalContext> contexts_;  // Of the last get of each key.
  msg::GetDone last_get_;
};

}  // namespace kv
