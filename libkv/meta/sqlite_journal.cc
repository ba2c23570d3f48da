#include "libkv/meta/sqlite_journal.h"

#include "libkv/base/planted.h"

namespace kv {

namespace {
constexpr size_t kJournalHeaderBytes = 28;  // SQLite's file format, section 3.
}

Status settle_journal(FileSystem& files, const std::string& path) {
  const std::string journal = path + "-journal";
  KV_ASSIGN(const bool there, files.exists(journal));
  if (!there || KV_PLANTED(leave_journal_unsettled)) return {};
  KV_ASSIGN(const auto file, files.open(journal, OpenMode::write));
  KV_TRY(file->write_at(0, std::string(kJournalHeaderBytes, '\0')));
  return file->sync();
}

}  // namespace kv
