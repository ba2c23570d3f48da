// A vector of small plain values whose first few lie in the object itself: no allocation for the
// lists that are nearly always short (the actors of a context, the members of a slot). Longer ones
// move to the heap, as any vector.
//
// For trivially copyable types only, so that moving is copying bytes. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include "libkv/base/assert.h"

namespace kv {

template <typename T, size_t kInline>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static_assert(kInline > 0);

 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  InlineVector() {}
  InlineVector(std::initializer_list<T> values) { assign(values.begin(), values.end()); }
  InlineVector(const InlineVector& other) { assign(other.begin(), other.end()); }
  InlineVector(InlineVector&& other) noexcept { take(other); }
  InlineVector& operator=(const InlineVector& other) {
    if (this != &other) assign(other.begin(), other.end());
    return *this;
  }
  InlineVector& operator=(InlineVector&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  ~InlineVector() = default;

  template <typename Iterator>
  void assign(Iterator first, Iterator last) {
    clear();
    reserve(static_cast<size_t>(std::distance(first, last)));
    for (; first != last; ++first) push_back(*first);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  T* data() { return heap_ ? heap_.get() : reinterpret_cast<T*>(inline_); }
  const T* data() const { return heap_ ? heap_.get() : reinterpret_cast<const T*>(inline_); }
  iterator begin() { return data(); }
  iterator end() { return data() + size_; }
  const_iterator begin() const { return data(); }
  const_iterator end() const { return data() + size_; }
  T& operator[](size_t index) { return data()[index]; }
  const T& operator[](size_t index) const { return data()[index]; }
  T& back() { return data()[size_ - 1]; }
  const T& back() const { return data()[size_ - 1]; }

  void clear() { size_ = 0; }
  void reserve(size_t wanted) {
    if (wanted > capacity_) grow_to(std::max<size_t>(wanted, size_t{2} * capacity_));
  }
  void push_back(const T& value) {
    const T kept = value;  // It may lie in this vector, which is about to grow.
    reserve(size_ + 1);
    data()[size_++] = kept;
  }
  iterator insert(const_iterator at, const T& value) {
    const T kept = value;
    const auto index = static_cast<size_t>(at - begin());
    KV_ASSERT(index <= size_);
    reserve(size_ + 1);
    T* const place = data() + index;
    std::copy_backward(place, end(), end() + 1);
    *place = kept;
    ++size_;
    return place;
  }

  friend bool operator==(const InlineVector& a, const InlineVector& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  void grow_to(size_t capacity) {
    auto grown = std::make_unique<T[]>(capacity);
    std::copy(begin(), end(), grown.get());
    heap_ = std::move(grown);
    KV_ASSERT(capacity <= UINT32_MAX);
    capacity_ = static_cast<uint32_t>(capacity);
  }
  void take(InlineVector& other) {
    heap_ = std::move(other.heap_);
    size_ = std::exchange(other.size_, 0);
    if (!heap_) std::memcpy(inline_, other.inline_, size_ * sizeof(T));
    capacity_ = std::exchange(other.capacity_, static_cast<uint32_t>(kInline));
  }

  std::unique_ptr<T[]> heap_;
  uint32_t size_ = 0;
  uint32_t capacity_ = kInline;
  alignas(T) std::byte inline_[kInline * sizeof(T)];
};

}  // namespace kv
