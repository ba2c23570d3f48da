// Requests that wait at a kv-node, for a newer map, for room or for their key: what they have in
// memory is bounded by their bytes, not their number alone, and no request keeps the frame in which
// it came, most of which may be answered already.
//
// Lives on the loop's thread; what it has kept may outlive it.
#pragma once

#include <cstddef>
#include <memory>

#include "libkv/base/limits.h"
#include "libkv/protocol/node_messages.h"

namespace kv {

class WaitingRequests {
 public:
  /// Of keys and values of writes. What else waits is small.
  explicit WaitingRequests(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// A copy of what is to wait; null: those that wait have all the memory there is for them. One
  /// may always wait, however large.
  template <typename Request>
  std::shared_ptr<const Request> keep(const Request& request) const {
    const size_t bytes = bytes_of(request);
    if (bytes > 0 && *bytes_ > 0 && *bytes_ + bytes > bytes_max_) return nullptr;
    *bytes_ += bytes;
    auto copy = std::make_unique<Request>(request);
    leave_frame(copy.get());
    return {copy.release(), [all = bytes_, bytes](const Request* kept) {
              *all -= bytes;
              delete kept;
            }};
  }

 private:
  template <typename Request>
  static size_t bytes_of(const Request&) {
    return 0;
  }
  static size_t bytes_of(const msg::Mint& request) {
    return request.key.size() + request.value.size();
  }
  static size_t bytes_of(const msg::Merge& request) {
    return request.key.size() + request.record.value_bytes();
  }

  template <typename Request>
  static void leave_frame(Request*) {}
  static void leave_frame(msg::Mint* request) {
    leave_frame(&request->key);
    leave_frame(&request->value);
  }
  static void leave_frame(msg::Merge* request) {
    leave_frame(&request->key);
    for (Sibling& sibling : request->record.siblings) leave_frame(&sibling.value);
  }
  /// A value that is larger than frames are made to be has one of its own.
  static void leave_frame(SharedBytes* bytes) {
    if (bytes->size() <= limits::frame_bytes_target) *bytes = SharedBytes::copy_of(bytes->view());
  }

  const size_t bytes_max_;
  const std::shared_ptr<size_t> bytes_ = std::make_shared<size_t>(0);
};

}  // namespace kv
