#include "tests/sim/disk_image.h"

#include <algorithm>

#include "libkv/base/assert.h"

namespace kv {

namespace {

constexpr uint64_t kSectorBytes = 512;

// Calls `visit(offset, part)` for each part of `bytes` that lies in one sector of the file.
template <typename Visit>
void for_each_sector(uint64_t offset, BytesView bytes, Visit visit) {
  while (!bytes.empty()) {
    const size_t room = static_cast<size_t>(kSectorBytes - offset % kSectorBytes);
    const BytesView part = bytes.substr(0, room);
    visit(offset, part);
    bytes.remove_prefix(part.size());
    offset += part.size();
  }
}

// Some length of a write's beginning, shorter than the whole, ending where a sector does.
size_t torn_length(uint64_t offset, BytesView bytes, Random& random) {
  std::vector<size_t> ends;
  size_t end = 0;
  for_each_sector(offset, bytes, [&](uint64_t, BytesView part) {
    ends.push_back(end);
    end += part.size();
  });
  return ends.empty() ? 0 : ends[random.below(ends.size())];
}

}  // namespace

std::string directory_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void DiskImage::apply_to(Names& names, const NameChange& change) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.inode;
}

void DiskImage::apply_to(SimBytes& bytes, const UnsyncedWrite& write) {
  if (write.is_truncate) {
    bytes.resize(write.offset);
  } else {
    bytes.write(write.offset, write.bytes.view());
  }
}

void DiskImage::change_name(NameChange change) {
  apply_to(names_, change);
  unsynced_names_.push_back(std::move(change));
}

void DiskImage::apply(const DiskOperation& op) {
  using Kind = DiskOperation::Kind;
  switch (op.kind) {
    case Kind::create:
      inodes_[next_inode_];
      change_name({"", op.path, next_inode_++});
      return;
    case Kind::write:
    case Kind::truncate: {
      Inode& inode = inodes_.at(op.inode);
      inode.unsynced.push_back({next_order_++, op.kind == Kind::truncate, op.offset, op.bytes});
      apply_to(inode.current, inode.unsynced.back());
      return;
    }
    case Kind::sync:
      sync_inode(inodes_.at(op.inode));
      return;
    case Kind::failed_sync:
      fail_sync(inodes_.at(op.inode), Random(op.offset));
      return;
    case Kind::rename:
      change_name({op.path, op.to, names_.at(op.path)});
      return;
    case Kind::remove:
      change_name({op.path, "", 0});
      return;
    case Kind::link:
      change_name({"", op.to, names_.at(op.path)});
      return;
    case Kind::make_directory:
      directories_.insert(op.path);
      return;
    case Kind::remove_directory:
      directories_.erase(op.path);
      return;
    case Kind::sync_directory:
      sync_names(op.path);
      return;
  }
}

void DiskImage::sync_inode(Inode& inode) {
  for (const UnsyncedWrite& write : inode.unsynced) apply_to(inode.durable, write);
  inode.unsynced.clear();
}

// What a failed sync has not written, no later one will; reads go on seeing it until the power
// fails. What it has written is chance, and often nothing.
void DiskImage::fail_sync(Inode& inode, Random random) {
  if (random.chance(0.5)) keep_random_sectors(inode, random);
  inode.unsynced.clear();
}

// A change between two directories becomes durable with either of them, and draws with it the
// earlier ones of both: no file system loses a file's creation but keeps its later rename.
void DiskImage::sync_names(const std::string& directory) {
  std::set<std::string> synced = {directory};
  std::vector<bool> chosen(unsynced_names_.size(), false);
  for (size_t i = unsynced_names_.size(); i-- > 0;) {
    const NameChange& change = unsynced_names_[i];
    for (const std::string& name : {change.removed, change.added})
      if (!name.empty() && synced.count(directory_of(name)) != 0) chosen[i] = true;
    if (!chosen[i]) continue;
    for (const std::string& name : {change.removed, change.added})
      if (!name.empty()) synced.insert(directory_of(name));
  }
  std::vector<NameChange> left;
  for (size_t i = 0; i < unsynced_names_.size(); ++i) {
    if (chosen[i]) {
      apply_to(durable_names_, unsynced_names_[i]);
    } else {
      left.push_back(unsynced_names_[i]);
    }
  }
  unsynced_names_ = std::move(left);
}

std::optional<InodeNumber> DiskImage::find(const std::string& path) const {
  const auto found = names_.find(path);
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

bool DiskImage::is_directory(const std::string& path) const {
  return path == "." || path == "/" || directories_.count(path) != 0;
}

std::vector<std::string> DiskImage::list(const std::string& directory) const {
  std::set<std::string> entries;
  const auto add = [&](const std::string& path) {
    if (path != directory && directory_of(path) == directory)
      entries.insert(path.substr(path.find_last_of('/') + 1));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  return {entries.begin(), entries.end()};
}

std::vector<std::string> DiskImage::paths() const {
  std::vector<std::string> all;
  for (const auto& [path, inode] : names_) all.push_back(path);
  return all;
}

uint64_t DiskImage::used_bytes() const {
  uint64_t total = 0;
  for (const auto& [number, inode] : inodes_) total += inode.current.size();
  return total;
}

void DiskImage::after_power_loss(CrashPolicy policy, Random& random) {
  lose_names(policy.names, random);
  lose_writes(policy.data, random);
  forget_unreachable_inodes();
}

void DiskImage::lose_names(UnsyncedNames policy, Random& random) {
  // Once a change is lost, its names keep their old meaning and later changes of them are lost too.
  std::set<std::string> frozen;
  for (const NameChange& change : unsynced_names_) {
    bool keep = policy == UnsyncedNames::kept;
    if (policy == UnsyncedNames::random)
      keep = random.chance(0.5) && frozen.count(change.removed) == 0 &&
             frozen.count(change.added) == 0;
    if (keep) {
      apply_to(durable_names_, change);
      continue;
    }
    for (const std::string& name : {change.removed, change.added})
      if (!name.empty()) frozen.insert(name);
  }
  unsynced_names_.clear();
  names_ = durable_names_;
}

std::optional<uint64_t> DiskImage::last_write() const {
  std::optional<uint64_t> last;
  for (const auto& [number, inode] : inodes_)
    for (const UnsyncedWrite& write : inode.unsynced)
      if (!write.is_truncate && write.order >= last.value_or(0)) last = write.order;
  return last;
}

void DiskImage::lose_writes(UnsyncedData policy, Random& random) {
  const std::optional<uint64_t> last = last_write();
  for (auto& [number, inode] : inodes_) {
    if (policy == UnsyncedData::random_sectors) keep_random_sectors(inode, random);
    for (UnsyncedWrite& write : inode.unsynced) {
      if (policy == UnsyncedData::random_sectors || policy == UnsyncedData::dropped) continue;
      const BytesView bytes = write.bytes.view();
      if (write.order == last && policy == UnsyncedData::torn)
        write.bytes = write.bytes.slice(bytes.substr(0, torn_length(write.offset, bytes, random)));
      if (write.order == last && policy == UnsyncedData::torn_at_byte && !bytes.empty())
        write.bytes = write.bytes.slice(bytes.substr(0, random.below(bytes.size())));
      apply_to(inode.durable, write);
    }
    inode.unsynced.clear();
    inode.current = inode.durable;
  }
}

void DiskImage::keep_random_sectors(Inode& inode, Random& random) {
  if (inode.unsynced.empty()) return;
  for (const UnsyncedWrite& write : inode.unsynced) {
    if (write.is_truncate && random.chance(0.5)) apply_to(inode.durable, write);
    for_each_sector(write.offset, write.bytes.view(), [&](uint64_t offset, BytesView part) {
      if (random.chance(0.5)) inode.durable.write(offset, part);
    });
  }
  // The size may reach the disk before the bytes do.
  if (random.chance(0.25) && inode.current.size() > inode.durable.size())
    inode.durable.resize(inode.current.size());
}

void DiskImage::flip_bit(const std::string& path, uint64_t offset, unsigned bit) {
  Inode& inode = inodes_.at(names_.at(path));
  for (SimBytes* bytes : {&inode.current, &inode.durable}) {
    char byte = 0;
    if (bytes->read(offset, {&byte, 1}) == 0) continue;
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    bytes->write(offset, {&byte, 1});
  }
}

bool DiskImage::forget_if_unreachable(InodeNumber inode) {
  const auto leads_here = [&](const auto& entry) { return entry.second == inode; };
  if (std::any_of(names_.begin(), names_.end(), leads_here) ||
      std::any_of(durable_names_.begin(), durable_names_.end(), leads_here))
    return false;
  for (const NameChange& change : unsynced_names_)
    if (change.inode == inode) return false;
  inodes_.erase(inode);
  return true;
}

void DiskImage::forget_unreachable_inodes() {
  std::set<InodeNumber> reachable;
  for (const auto& [path, inode] : names_) reachable.insert(inode);
  std::erase_if(inodes_, [&](const auto& entry) { return reachable.count(entry.first) == 0; });
}

const std::vector<CrashPolicy>& crash_policies() {
  static const std::vector<CrashPolicy> all = {
      {UnsyncedData::dropped, UnsyncedNames::lost},
      {UnsyncedData::dropped, UnsyncedNames::kept},
      {UnsyncedData::kept, UnsyncedNames::lost},
      {UnsyncedData::kept, UnsyncedNames::kept},
      {UnsyncedData::torn, UnsyncedNames::kept},
      {UnsyncedData::torn_at_byte, UnsyncedNames::kept},
      {UnsyncedData::random_sectors, UnsyncedNames::kept},
      {UnsyncedData::random_sectors, UnsyncedNames::random},
      {UnsyncedData::random_sectors, UnsyncedNames::lost},
  };
  return all;
}

std::string to_string(CrashPolicy policy) {
  static const char* const data[] = {"dropped", "kept", "torn", "torn_at_byte", "random_sectors"};
  static const char* const names[] = {"lost", "kept", "random"};
  return std::string("data ") + data[static_cast<size_t>(policy.data)] + ", names " +
         names[static_cast<size_t>(policy.names)];
}

std::string to_string(const DiskOperation& op) {
  static const char* const kinds[] = {
      "create",        "write",  "truncate", "sync",           "failed_sync",
      "rename",        "remove", "link",     "make_directory", "remove_directory",
      "sync_directory"};
  std::string text = std::string(kinds[static_cast<size_t>(op.kind)]) + " " + op.path;
  if (!op.to.empty()) text += " -> " + op.to;
  if (op.kind == DiskOperation::Kind::write || op.kind == DiskOperation::Kind::truncate)
    text += " @" + std::to_string(op.offset);
  if (!op.bytes.empty()) text += " +" + std::to_string(op.bytes.size());
  return text;
}

}  // namespace kv
