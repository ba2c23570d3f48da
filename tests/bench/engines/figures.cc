#include "tests/bench/engines/figures.h"

#include <cmath>
#include <cstdio>

#include "libkv/cli/json_text.h"

namespace kv::bench {

Figures& Figures::add(std::string name, uint64_t value) {
  figures_.push_back({std::move(name), std::to_string(value), false});
  return *this;
}

Figures& Figures::add(std::string name, std::optional<double> value, int decimals) {
  char shown[64] = "";
  if (value && std::isfinite(*value)) std::snprintf(shown, sizeof shown, "%.*f", decimals, *value);
  figures_.push_back({std::move(name), shown, false});
  return *this;
}

Figures& Figures::add(std::string name, const std::string& text) {
  figures_.push_back({std::move(name), text, true});
  return *this;
}

Figures& Figures::add(std::string name, bool flag) {
  figures_.push_back({std::move(name), flag ? "true" : "false", false});
  return *this;
}

Figures& Figures::add_latencies(const std::string& prefix, const Histogram& latencies) {
  const auto us = [](Duration duration) { return static_cast<double>(duration.count()) / 1e3; };
  add(prefix + "p50_us", us(latencies.percentile(0.5)), 2);
  add(prefix + "p99_us", us(latencies.percentile(0.99)), 2);
  add(prefix + "p999_us", us(latencies.percentile(0.999)), 2);
  return add(prefix + "max_us", us(latencies.max()), 2);
}

Figures& Figures::append(const Figures& others) {
  figures_.insert(figures_.end(), others.figures_.begin(), others.figures_.end());
  return *this;
}

std::string Figures::text() const {
  std::string out;
  for (const Figure& figure : figures_) {
    char line[160];
    std::snprintf(line, sizeof line, "%-28s %s\n", figure.name.c_str(),
                  figure.shown.empty() ? "-" : figure.shown.c_str());
    out += line;
  }
  return out;
}

std::string Figures::json() const {
  std::string out;
  for (const Figure& figure : figures_) {
    out += out.empty() ? "{" : ",";
    append_json_string(out, figure.name);
    out += ":";
    if (figure.is_text)
      append_json_string(out, figure.shown);
    else
      out += figure.shown.empty() ? "null" : figure.shown;
  }
  return out + "}\n";
}

}  // namespace kv::bench
