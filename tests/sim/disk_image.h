// What a simulated disk holds: for every file the bytes that are durable and the writes that are
// not yet, in their order; for the namespace the entries that are durable and the changes that are
// not yet. `after_power_loss` turns it into one of the states a real disk could be in afterwards.
//
//      durable bytes ──(write, truncate)──▶ current bytes, what reads see
//           ▲  unsynced: w1 w2 w3 …  each in sectors of 512 bytes
//           └── sync applies them all; a power loss any part of them
//
// The model is stricter than most file systems: syncing a file does not make its name durable,
// sectors survive in any order. It is kinder in two points: making or removing a directory is
// durable at once, and directories cannot be renamed. See Pillai et al., "All File Systems Are Not
// Created Equal" (OSDI 2014), for what real ones do.
//
// A value type without I/O; copies share their pages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "libkv/base/bytes.h"
#include "libkv/base/random.h"
#include "tests/sim/sim_bytes.h"

namespace kv {

using InodeNumber = uint64_t;

/// One change of a disk: what a trace records and an image applies.
struct DiskOperation {
  enum class Kind {
    create,
    write,
    truncate,
    sync,
    failed_sync,  ///< As on Linux: the unsynced writes are clean now, and durable or not.
    rename,
    remove,
    link,
    make_directory,
    remove_directory,
    sync_directory,
  };
  Kind kind;
  std::string path;       ///< Of the file at that time, or the directory.
  std::string to;         ///< For rename and link.
  InodeNumber inode = 0;  ///< For write, truncate, sync, failed_sync.
  uint64_t offset = 0;    ///< For write; truncate: the new size; failed_sync: a seed.
  SharedBytes bytes;      ///< For write.
};
std::string to_string(const DiskOperation& operation);

/// What a power loss does to writes that were not synced.
enum class UnsyncedData {
  dropped,
  kept,
  torn,            ///< All kept but the last write, of which some first sectors are.
  torn_at_byte,    ///< The same, cut at a byte.
  random_sectors,  ///< Each sector of each write by chance; a file may also have grown with zeros.
};
/// What it does to creations, renames, links and removals whose directory was not synced.
enum class UnsyncedNames {
  lost,
  kept,
  random,  ///< Each by chance, but none that follows a lost one on the same name.
};
struct CrashPolicy {
  UnsyncedData data;
  UnsyncedNames names;
};
std::string to_string(CrashPolicy policy);
/// The policies a crash-state enumeration should go through.
const std::vector<CrashPolicy>& crash_policies();

class DiskImage {
 public:
  /// Applies a change. REQUIRES: it is valid here (SimFileSystem checks before).
  void apply(const DiskOperation& operation);
  /// The inode that the next `create` will get.
  InodeNumber next_inode() const { return next_inode_; }

  std::optional<InodeNumber> find(const std::string& path) const;
  bool is_directory(const std::string& path) const;
  /// Names in `directory`, sorted.
  std::vector<std::string> list(const std::string& directory) const;
  /// All files, sorted.
  std::vector<std::string> paths() const;
  /// The current bytes. REQUIRES: `inode` is alive.
  const SimBytes& bytes(InodeNumber inode) const { return inodes_.at(inode).current; }
  uint64_t used_bytes() const;

  /// Turns into a state that a power loss may leave; everything left is durable.
  void after_power_loss(CrashPolicy policy, Random& random);
  /// Flips a bit of a byte, durable and current, as rotten media do. REQUIRES: the file has it.
  void flip_bit(const std::string& path, uint64_t offset, unsigned bit);
  /// Forgets a file that no name, durable or not, leads to, and says whether it did.
  /// REQUIRES: nobody has it open.
  bool forget_if_unreachable(InodeNumber inode);

 private:
  struct UnsyncedWrite {
    uint64_t order;  // Among all writes of the disk.
    bool is_truncate;
    uint64_t offset;
    SharedBytes bytes;
  };
  struct Inode {
    SimBytes current;
    SimBytes durable;
    std::vector<UnsyncedWrite> unsynced;
  };
  // `removed` loses its entry, `added` gets one for `inode`; empty: neither.
  struct NameChange {
    std::string removed;
    std::string added;
    InodeNumber inode;
  };
  using Names = std::map<std::string, InodeNumber>;

  static void apply_to(Names& names, const NameChange& change);
  static void apply_to(SimBytes& bytes, const UnsyncedWrite& write);
  void change_name(NameChange change);
  void sync_names(const std::string& directory);
  static void sync_inode(Inode& inode);
  static void fail_sync(Inode& inode, Random random);
  void lose_names(UnsyncedNames policy, Random& random);
  void lose_writes(UnsyncedData policy, Random& random);
  static void keep_random_sectors(Inode& inode, Random& random);
  std::optional<uint64_t> last_write() const;
  void forget_unreachable_inodes();

  Names names_;
  Names durable_names_;
  std::vector<NameChange> unsynced_names_;
  std::set<std::string> directories_;
  std::map<InodeNumber, Inode> inodes_;
  InodeNumber next_inode_ = 1;
  uint64_t next_order_ = 0;
};

/// The directory part of a path: "." if it has none.
std::string directory_of(const std::string& path);

}  // namespace kv
