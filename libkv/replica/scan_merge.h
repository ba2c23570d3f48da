// One page of a keyspace in key order, out of many partitions that are each in key order: a k-way
// merge over the engine's iterators. A key's own record and its hint are joined.
//
//   partition 3   a  d  …  ┐
//   partition 8   b  f  …  ├─▶  a  b  c  d  f  …
//   hints of 8    c  f  …  ┘
//
// Touches nothing but what it is given: it runs off the loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libkv/protocol/node_messages.h"
#include "libkv/replica/key_layout.h"

namespace kv {

class ScanMerge {
 public:
  explicit ScanMerge(bool reverse) : reverse_(reverse) {}

  /// `round`: of the records of own data; a hint bears its own.
  void add(Space space, Round round, std::unique_ptr<EngineIterator> iterator);

  struct Page {
    std::vector<msg::KeyRecord> records;
    bool exhausted = false;
  };
  /// The first records, up to a bound in number or (but for one) in bytes.
  /// Errors: corrupt, io, format.
  Result<Page> take(size_t records_max, size_t bytes_max);

 private:
  struct Cursor {
    Space space;
    Round round;
    std::unique_ptr<EngineIterator> iterator;
  };
  /// Whether cursor `a` is to come after cursor `b`: the heap's top is the next.
  bool comes_after(size_t a, size_t b) const;
  Status push(size_t cursor);
  /// Joins what the cursor holds into `*into`, and moves it on.
  Status take_from(size_t cursor, msg::KeyRecord* into);
  size_t pop();

  const bool reverse_;
  std::vector<Cursor> cursors_;
  std::vector<size_t> heap_;
};

}  // namespace kv
