#include "libkv/base/scratch_file_system.h"

#include <algorithm>
#include <utility>

namespace kv {

namespace {

constexpr uint64_t kPageBytes = 4096;

Error missing(const std::string& path) {
  return {ErrorKind::not_found, path + ": No such file or directory"};
}

class GrantedLock final : public DirectoryLock {};

}  // namespace

/// A file's bytes: the pages that were written here, before those of the file beneath.
class ScratchFileSystem::Contents {
 public:
  /// `beneath` is null for a file that was made here.
  static Result<std::shared_ptr<Contents>> over(std::unique_ptr<File> beneath) {
    auto contents = std::make_shared<Contents>();
    if (beneath != nullptr) {
      KV_ASSIGN(contents->size_, beneath->size());
      contents->beneath_bytes_ = contents->size_;
    }
    contents->beneath_ = std::move(beneath);
    return contents;
  }

  Result<size_t> read_at(uint64_t offset, std::span<char> into) {
    if (offset >= size_) return size_t{0};
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(into.size(), size_ - offset));
    for (size_t done = 0; done < wanted;) {
      KV_ASSIGN(const std::string page, page_at((offset + done) / kPageBytes));
      const auto begin = static_cast<size_t>((offset + done) % kPageBytes);
      const size_t part = std::min(wanted - done, page.size() - begin);
      std::copy_n(page.data() + begin, part, into.data() + done);
      done += part;
    }
    return wanted;
  }

  Status write_at(uint64_t offset, BytesView bytes) {
    size_ = std::max(size_, offset + bytes.size());
    while (!bytes.empty()) {
      const uint64_t number = offset / kPageBytes;
      KV_ASSIGN(std::string page, page_at(number));
      const auto begin = static_cast<size_t>(offset % kPageBytes);
      const size_t part = std::min(bytes.size(), page.size() - begin);
      page.replace(begin, part, bytes.substr(0, part));
      pages_[number] = std::move(page);
      bytes.remove_prefix(part);
      offset += part;
    }
    return {};
  }

  /// What is cut off reads as zeros should the file grow again.
  Status truncate(uint64_t size) {
    pages_.erase(pages_.upper_bound(size / kPageBytes), pages_.end());
    beneath_bytes_ = std::min(beneath_bytes_, size);
    if (const auto last = pages_.find(size / kPageBytes); last != pages_.end())
      std::fill(last->second.begin() + static_cast<ptrdiff_t>(size % kPageBytes),
                last->second.end(), '\0');
    size_ = size;
    return {};
  }

  uint64_t size() const { return size_; }

 private:
  Result<std::string> page_at(uint64_t number) {
    if (const auto written = pages_.find(number); written != pages_.end()) return written->second;
    std::string page(kPageBytes, '\0');
    const uint64_t begin = number * kPageBytes;
    if (begin >= beneath_bytes_) return page;
    const auto kept = static_cast<size_t>(std::min(kPageBytes, beneath_bytes_ - begin));
    KV_TRY(beneath_->read_at(begin, std::span<char>(page).first(kept)));
    return page;
  }

  std::unique_ptr<File> beneath_;
  uint64_t beneath_bytes_ = 0;  // How much of it still shows.
  uint64_t size_ = 0;
  std::map<uint64_t, std::string> pages_;
};

class ScratchFileSystem::OpenFile final : public File {
 public:
  explicit OpenFile(std::shared_ptr<Contents> contents) : contents_(std::move(contents)) {}

  Result<size_t> read_at(uint64_t offset, std::span<char> into) override {
    return contents_->read_at(offset, into);
  }
  Status write_at(uint64_t offset, BytesView bytes) override {
    return contents_->write_at(offset, bytes);
  }
  Status sync() override { return {}; }
  Status truncate(uint64_t size_bytes) override { return contents_->truncate(size_bytes); }
  Result<uint64_t> size() override { return contents_->size(); }
  Result<bool> lock_range(uint64_t, uint64_t, RangeLock) override { return true; }
  Result<bool> range_is_locked(uint64_t, uint64_t) override { return false; }

 private:
  std::shared_ptr<Contents> contents_;
};

Result<std::shared_ptr<ScratchFileSystem::Contents>> ScratchFileSystem::contents(
    const std::string& path, bool may_create) {
  if (const auto known = changed_.find(path); known != changed_.end()) return known->second;
  KV_ASSIGN(const bool there, exists(path));
  if (!there && !may_create) return fail(missing(path));
  std::unique_ptr<File> file;
  if (there) {
    KV_ASSIGN(file, beneath_.open(path, OpenMode::read));
  }
  KV_ASSIGN(auto made, Contents::over(std::move(file)));
  removed_.erase(path);
  changed_[path] = made;
  return made;
}

Result<std::unique_ptr<File>> ScratchFileSystem::open(const std::string& path, OpenMode mode) {
  KV_ASSIGN(const bool there, exists(path));
  if (mode == OpenMode::write_new && there) return fail(ErrorKind::io, path + ": File exists");
  if (only_reads(mode) && !there) return fail(missing(path));
  if (only_reads(mode) && changed_.count(path) == 0) return beneath_.open(path, mode);
  KV_ASSIGN(auto opened, contents(path, /*may_create=*/true));
  return std::make_unique<OpenFile>(std::move(opened));
}

Result<bool> ScratchFileSystem::exists(const std::string& path) {
  if (changed_.count(path) != 0) return true;
  if (removed_.count(path) != 0) return false;
  return beneath_.exists(path);
}

Result<std::vector<std::string>> ScratchFileSystem::list(const std::string& directory) {
  KV_ASSIGN(std::vector<std::string> names, beneath_.list(directory));
  const std::string prefix = directory + "/";
  for (const auto& [path, contents] : changed_)
    if (path.rfind(prefix, 0) == 0 && path.find('/', prefix.size()) == std::string::npos)
      names.push_back(path.substr(prefix.size()));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase_if(names, [&](const std::string& name) { return removed_.count(prefix + name) != 0; });
  return names;
}

Status ScratchFileSystem::rename(const std::string& from, const std::string& to) {
  KV_ASSIGN(auto moved, contents(from, /*may_create=*/false));
  changed_.erase(from);
  removed_.insert(from);
  removed_.erase(to);
  changed_[to] = std::move(moved);
  return {};
}

Status ScratchFileSystem::remove(const std::string& path) {
  KV_ASSIGN(const bool there, exists(path));
  if (!there) return fail(missing(path));
  changed_.erase(path);
  removed_.insert(path);
  return {};
}

Status ScratchFileSystem::hard_link(const std::string& from, const std::string&) {
  return fail(ErrorKind::invalid, from + ": no hard links over files that are only read");
}

Result<std::unique_ptr<DirectoryLock>> ScratchFileSystem::lock_directory(const std::string&) {
  return std::make_unique<GrantedLock>();
}

Result<uint64_t> ScratchFileSystem::free_bytes(const std::string& directory) {
  return beneath_.free_bytes(directory);
}

}  // namespace kv
