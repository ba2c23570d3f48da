#include "libkv/command/bench_figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "libkv/command/report_path.h"
#include "libkv/command/text_table.h"

namespace kv {

namespace {

double microseconds(Duration duration) {
  return std::round(static_cast<double>(duration.count()) / 100) / 10;
}

Report report_of(const Histogram& histogram) {
  return Report::object()
      .set("count", histogram.count())
      .set("mean", microseconds(histogram.mean()))
      .set("p50", microseconds(histogram.percentile(0.5)))
      .set("p99", microseconds(histogram.percentile(0.99)))
      .set("p999", microseconds(histogram.percentile(0.999)))
      .set("max", microseconds(histogram.max()));
}

std::string number_text(const Report& report, ReportPath path) {
  const Report* at = find_at(report, path);
  char text[32];
  std::snprintf(text, sizeof(text), "%.0f", at == nullptr ? 0 : at->as_real().value_or(0));
  return text;
}

std::vector<std::string> row_of(const std::string& verb, const Report& latency, double seconds) {
  const double count = static_cast<double>(number_at(latency, {"count"}));
  char rate[32];
  std::snprintf(rate, sizeof(rate), "%.0f", seconds > 0 ? count / seconds : 0);
  std::vector<std::string> row = {verb, number_text(latency, {"count"}), rate};
  for (const char* name : {"mean", "p50", "p99", "p999", "max"})
    row.push_back(number_text(latency, {name}));
  return row;
}

}  // namespace

void BenchFigures::count_error(ExitCode code, const std::string& what) {
  ++errors[code];
  if (first_error.empty()) first_error = what;
}

void BenchFigures::merge(const BenchFigures& other) {
  for (size_t v = 0; v < kBenchVerbs; ++v) latencies[v].merge(other.latencies[v]);
  for (const auto& [code, count] : other.errors) errors[code] += count;
  if (first_error.empty()) first_error = other.first_error;
  missed += other.missed;
  took = std::max(took, other.took);
}

uint64_t BenchFigures::done() const {
  uint64_t count = 0;
  for (const Histogram& histogram : latencies) count += histogram.count();
  return count;
}

ExitCode BenchFigures::code() const {
  ExitCode all = ExitCode::done;
  for (const auto& [code, count] : errors) all = combine(all, code);
  return all;
}

Report report_of(const BenchSetting& setting, const BenchFigures& figures) {
  const double seconds = seconds_of(figures.took);
  Histogram together;
  Report verbs = Report::object();
  for (size_t v = 0; v < kBenchVerbs; ++v) {
    if (figures.latencies[v].count() == 0) continue;
    together.merge(figures.latencies[v]);
    verbs.set(to_string(static_cast<BenchVerb>(v)), report_of(figures.latencies[v]));
  }
  Report errors = Report::object();
  for (const auto& [code, count] : figures.errors) errors.set(std::to_string(to_int(code)), count);
  const auto done = static_cast<double>(figures.done());
  Report report = Report::object();
  report.set("workload", setting.workload).set("keyspace", setting.keyspace);
  report.set("records", setting.records).set("value_bytes", setting.value_bytes);
  report.set("clients", setting.clients).set("threads", setting.threads);
  report.set("rate", setting.rate == 0 ? Report() : Report(setting.rate));
  report.set("seconds", seconds).set("operations", figures.done());
  report.set("operations_per_second", seconds > 0 ? std::round(done / seconds * 10) / 10 : 0.0);
  report.set("latency_us", report_of(together)).set("verbs", std::move(verbs));
  return report.set("errors", std::move(errors)).set("missed", figures.missed);
}

std::string bench_text(const Report& report) {
  const Report* took = report.find("seconds");
  const double seconds = took == nullptr ? 0 : took->as_real().value_or(0);
  char head[64];
  std::snprintf(head, sizeof(head), " seconds %.2f", seconds);
  std::string out;
  for (const char* name : {"workload", "records", "value_bytes", "clients", "threads", "rate"}) {
    std::string label = name;
    std::replace(label.begin(), label.end(), '_', '-');
    out += (out.empty() ? "" : " ") + label + " " + shown_at(report, {name});
  }
  out += std::string(head) + "\n";
  TextTable table({"VERB", "OPS", "OPS/S", "MEAN_US", "P50_US", "P99_US", "P99.9_US", "MAX_US"});
  table.add(row_of("all", *report.find("latency_us"), seconds));
  for (const auto& [verb, latency] : report.find("verbs")->members())
    table.add(row_of(verb, latency, seconds));
  out += table.text();
  for (const auto& [code, count] : report.find("errors")->members())
    out += "errors of exit code " + code + ": " + number_text(count, {}) + "\n";
  const uint64_t missed = number_at(report, {"missed"});
  if (missed != 0) out += "not begun, all clients being busy: " + std::to_string(missed) + "\n";
  return out;
}

}  // namespace kv
