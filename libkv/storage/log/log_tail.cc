#include "libkv/storage/log/log_tail.h"

#include <cstring>

#include "libkv/base/assert.h"
#include "libkv/base/planted.h"

namespace kv {

void LogTail::note(BytesView bytes) {
  const size_t after = used_ + bytes.size();
  const size_t in_last_page = after % kFilePageBytes;
  if (after < kFilePageBytes)
    std::memcpy(pages() + used_, bytes.data(), bytes.size());
  else
    std::memcpy(pages(), bytes.data() + bytes.size() - in_last_page, in_last_page);
  used_ = in_last_page;
}

LogTail::Pages LogTail::with(uint64_t end, BytesView bytes) {
  KV_ASSERT(bytes.size() <= kGroupBytesMax && end % kFilePageBytes == used_);
  if (KV_PLANTED(forget_log_tail)) std::memset(pages(), 0, used_);
  std::memcpy(pages() + used_, bytes.data(), bytes.size());
  const size_t filled = used_ + bytes.size();
  const size_t whole = whole_file_pages(filled);
  std::memset(pages() + filled, 0, whole - filled);
  return {end - used_, BytesView(pages(), whole)};
}

char* LogTail::pages() {
  if (pages_ == nullptr) pages_ = new_page_buffer(kBytes);
  return pages_.get();
}

}  // namespace kv
