// What SQLite leaves open about its rollback journal: a journal whose header reads as zeros has
// been got over, but perhaps only in the page cache, if the process ended between that write and
// its sync, or the sync failed. A power loss would then bring the journal back, and with it the
// rows from before a commit that the next process has seen and built on.
#pragma once

#include <string>

#include "libkv/base/environment.h"

namespace kv {

/// Makes durable that the journal of the file `path` has been got over; none is fine too. It is
/// written again, because after a failed sync another one would write nothing.
/// REQUIRES: SQLite has read the file since it was opened, so that no journal waits to be played
/// back; and no commit has begun.
Status settle_journal(FileSystem& files, const std::string& path);

}  // namespace kv
