#include "tests/sim/sim_bytes.h"

#include <algorithm>
#include <cstring>

namespace kv {

SimBytes::Page& SimBytes::own(uint64_t index) {
  std::shared_ptr<Page>& page = pages_[index];
  if (page == nullptr) {
    page = std::make_shared<Page>();
    page->fill(0);
  } else if (page.use_count() > 1) {
    page = std::make_shared<Page>(*page);
  }
  return *page;
}

void SimBytes::resize(uint64_t size) {
  pages_.resize((size + kPageBytes - 1) / kPageBytes);
  if (size < size_ && size % kPageBytes != 0 && pages_.back() != nullptr) {
    Page& last = own(pages_.size() - 1);
    std::fill(last.begin() + static_cast<std::ptrdiff_t>(size % kPageBytes), last.end(), 0);
  }
  size_ = size;
}

size_t SimBytes::read(uint64_t offset, std::span<char> into) const {
  if (offset >= size_) return 0;
  const size_t length = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
  for (size_t done = 0; done < length;) {
    const uint64_t place = offset + done;
    const size_t within = static_cast<size_t>(place % kPageBytes);
    const size_t part = std::min(length - done, static_cast<size_t>(kPageBytes) - within);
    const auto& page = pages_[place / kPageBytes];
    if (page == nullptr) {
      std::memset(into.data() + done, 0, part);
    } else {
      std::memcpy(into.data() + done, page->data() + within, part);
    }
    done += part;
  }
  return length;
}

void SimBytes::write(uint64_t offset, BytesView bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size_) resize(offset + bytes.size());
  while (!bytes.empty()) {
    const size_t within = static_cast<size_t>(offset % kPageBytes);
    const size_t part = std::min(bytes.size(), static_cast<size_t>(kPageBytes) - within);
    std::memcpy(own(offset / kPageBytes).data() + within, bytes.data(), part);
    bytes.remove_prefix(part);
    offset += part;
  }
}

}  // namespace kv
