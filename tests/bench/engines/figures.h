// What a workload measured: numbers under names, in order, printed as text or JSON. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libkv/base/histogram.h"

namespace kv::bench {

class Figures {
 public:
  Figures& add(std::string name, uint64_t value);
  /// Printed with so many decimals. Nothing, or what is no number: not known.
  Figures& add(std::string name, std::optional<double> value, int decimals);
  Figures& add(std::string name, const std::string& text);
  Figures& add(std::string name, bool flag);
  /// `PREFIXp50_us`, p99, p999 and max.
  Figures& add_latencies(const std::string& prefix, const Histogram& latencies);
  Figures& append(const Figures& others);

  /// `name value` a line, in columns; what is not known is `-`.
  std::string text() const;
  /// One object on one line; what is not known is null.
  std::string json() const;

 private:
  struct Figure {
    std::string name;
    std::string shown;  ///< Empty: not known.
    bool is_text;
  };
  std::vector<Figure> figures_;
};

}  // namespace kv::bench
