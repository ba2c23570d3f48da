// Bytes that are looked at (BytesView) and bytes that are shared (SharedBytes).
//
// A value travels from a frame to the log and on to other members without a copy: SharedBytes is a
// window into a buffer that lives as long as any window into it. Immutable, so threads may share
// it.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace kv {

/// Bytes owned by somebody else. The owner must outlive the view.
using BytesView = std::string_view;

class SharedBytes {
 public:
  SharedBytes() = default;
  /// Takes the string over; no copy.
  explicit SharedBytes(std::string bytes) {
    auto held = std::make_shared<const std::string>(std::move(bytes));
    view_ = *held;
    owner_ = std::move(held);
  }
  /// A window `view` into memory that `owner` keeps alive.
  SharedBytes(std::shared_ptr<const void> owner, BytesView view)
      : owner_(std::move(owner)), view_(view) {}

  static SharedBytes copy_of(BytesView view) { return SharedBytes(std::string(view)); }

  BytesView view() const { return view_; }
  const char* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }

  /// A window into this one that shares its owner. REQUIRES: `part` lies inside view().
  SharedBytes slice(BytesView part) const { return SharedBytes(owner_, part); }

  friend bool operator==(const SharedBytes& a, const SharedBytes& b) { return a.view_ == b.view_; }
  friend auto operator<=>(const SharedBytes& a, const SharedBytes& b) {
    return a.view_ <=> b.view_;
  }

 private:
  std::shared_ptr<const void> owner_;
  BytesView view_;
};

}  // namespace kv
