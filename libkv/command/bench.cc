#include "libkv/command/bench.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "libkv/base/posix_environment.h"
#include "libkv/client/client.h"
#include "libkv/command/answers.h"

namespace kv {

namespace {

/// What the threads of a run share.
struct Shared {
  explicit Shared(uint64_t there) : inserts(there) {}
  BenchInserts inserts;
  std::atomic<uint64_t> next_due{0};  ///< With a rate: the number of the next operation.
  std::atomic<bool> hopeless{false};  ///< Bad input, or denied: nothing will succeed.
};

/// One thread's clients.
class Bencher {
 public:
  Bencher(const BenchOptions& options, Shared& shared, size_t thread, size_t clients, Instant begin)
      : options_(options),
        shared_(shared),
        begin_(begin),
        end_(options.duration == Duration::zero() ? Instant::max() : begin + options.duration),
        client_({rotated(options.endpoints, thread), {}}, clock_, system_entropy()),
        chooser_(options.workload, options.records, shared.inserts, system_entropy()) {
    for (size_t i = 0; i < clients; ++i) idle_.push_back(i);
    begun_.resize(clients);
  }

  BenchFigures run() {
    for (;;) {
      write_back();
      const Duration wait = begin_operations(clock_.now());
      if (client_.in_flight() == 0 && over_) break;
      client_.turn(std::min<Duration>(wait, 50ms));
    }
    figures_.took = last_done_ - begin_;
    return figures_;
  }

 private:
  /// What a logical client is at.
  struct Begun {
    BenchStep step;
    Instant intended{};
  };

  static std::vector<Endpoint> rotated(std::vector<Endpoint> endpoints, size_t by) {
    const auto first = static_cast<std::ptrdiff_t>(by % endpoints.size());
    std::rotate(endpoints.begin(), endpoints.begin() + first, endpoints.end());
    return endpoints;
  }

  // The second halves of read-modify-writes: not from within a reply's call.
  void write_back() {
    for (auto& [who, context] : std::exchange(modified_, {}))
      put(who, PutMode::over_context, std::move(context));
  }

  Instant due(uint64_t number) const {
    const double seconds = static_cast<double>(number) / static_cast<double>(options_.rate);
    return begin_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }

  /// Lets idle clients begin what is due; returns how long until there may be more to begin.
  Duration begin_operations(Instant now) {
    if (shared_.hopeless || now >= end_) over_ = true;
    while (!over_ && !idle_.empty()) {
      Instant intended = now;
      if (options_.rate != 0) {
        uint64_t number = shared_.next_due.load();
        intended = due(number);
        if (intended >= end_) {
          over_ = true;
          break;
        }
        if (intended > now) return intended - now;
        if (!shared_.next_due.compare_exchange_strong(number, number + 1)) continue;
      }
      const auto step = chooser_.next();
      if (!step) {
        over_ = true;
        break;
      }
      const size_t who = idle_.back();
      idle_.pop_back();
      begun_[who] = {*step, intended};
      begin_step(who);
    }
    return 50ms;
  }

  template <typename Request>
  Request request(const std::string& keyspace) const {
    Request request;
    request.keyspace = keyspace;
    request.time_left = options_.timeout;
    return request;
  }

  void begin_step(size_t who) {
    const BenchStep& step = begun_[who].step;
    switch (step.verb) {
      case BenchVerb::read:
      case BenchVerb::read_modify_write:
        return get(who);
      case BenchVerb::update:
      case BenchVerb::insert:
        return put(who, PutMode::over_what_is_there, {});
      case BenchVerb::scan:
        return scan(who);
    }
  }

  void get(size_t who) {
    auto get = request<msg::ClientGet>(options_.keyspace);
    get.key = SharedBytes(bench_key(begun_[who].step.record));
    get.r = options_.r;
    client_.start(std::move(get), [this, who](ClientReply reply) {
      auto& got = std::get<msg::GetDone>(reply);
      if (got.answer != Answer::ok || begun_[who].step.verb == BenchVerb::read)
        return finish(who, got.answer, got.detail);
      modified_.push_back({who, std::move(got.record.context)});
    });
  }

  void put(size_t who, PutMode mode, CausalContext context) {
    auto put = request<msg::ClientPut>(options_.keyspace);
    put.key = SharedBytes(bench_key(begun_[who].step.record));
    put.value = SharedBytes(bench_value(options_.value_bytes, chooser_.random()));
    put.mode = mode;
    put.context = std::move(context);
    put.put = client_.next_put_id();
    put.w = options_.w;
    client_.start(std::move(put), [this, who](ClientReply reply) {
      const auto& done = std::get<msg::PutDone>(reply);
      finish(who, done.answer, done.detail);
    });
  }

  void scan(size_t who) {
    auto scan = request<msg::ClientScan>(options_.keyspace);
    scan.from = bench_key(begun_[who].step.record);
    scan.records_max = begun_[who].step.scan_records;
    scan.r = options_.r;
    client_.start(std::move(scan), [this, who](ClientReply reply) {
      const auto& done = std::get<msg::ScanDone>(reply);
      finish(who, done.answer, done.detail);
    });
  }

  void finish(size_t who, Answer answer, const std::string& detail) {
    last_done_ = clock_.now();
    const Begun& begun = begun_[who];
    if (answer == Answer::ok) {
      figures_.latencies[static_cast<size_t>(begun.step.verb)].record(last_done_ - begun.intended);
    } else {
      const bool is_missing = answer == Answer::not_found && detail.empty();
      const Error error =
          error_of(answer, is_missing ? "a record is missing: was load run with as many?" : detail);
      figures_.count_error(exit_code_of(error.kind),
                           std::string(to_string(error.kind)) + ": " + error.what);
      if (error.kind == ErrorKind::invalid || error.kind == ErrorKind::denied)
        shared_.hopeless = true;
    }
    if (begun.step.verb == BenchVerb::insert) shared_.inserts.finish(begun.step.record);
    idle_.push_back(who);
  }

  const BenchOptions& options_;
  Shared& shared_;
  const Instant begin_;
  const Instant end_;
  SystemClock clock_;
  Client client_;
  StepChooser chooser_;
  std::vector<Begun> begun_;  // By logical client.
  std::vector<size_t> idle_;
  std::vector<std::pair<size_t, CausalContext>> modified_;  // Read, to be written back.
  bool over_ = false;
  Instant last_done_{};
  BenchFigures figures_;
};

}  // namespace

BenchFigures run_bench(const BenchOptions& options) {
  Shared shared(options.workload.choice == Workload::Choice::in_order ? 0 : options.records);
  const uint64_t count = std::clamp<uint64_t>(options.threads, 1, options.clients);
  std::vector<BenchFigures> figures(count);
  std::vector<std::thread> threads;
  const Instant begin = SystemClock().now();
  for (uint64_t t = 0; t < count; ++t) {
    const uint64_t clients = options.clients / count + (t < options.clients % count ? 1 : 0);
    threads.emplace_back([&options, &shared, &figures, t, clients, begin] {
      figures[t] = Bencher(options, shared, t, clients, begin).run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  BenchFigures all = figures.front();
  for (uint64_t t = 1; t < count; ++t) all.merge(figures[t]);
  // What was due within the time and was begun by nobody.
  if (options.rate != 0 && !shared.hopeless && options.duration > Duration::zero()) {
    const auto due =
        static_cast<uint64_t>(seconds_of(options.duration) * static_cast<double>(options.rate));
    all.missed = due - std::min(due, shared.next_due.load());
  }
  return all;
}

}  // namespace kv
