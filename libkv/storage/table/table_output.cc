#include "libkv/storage/table/table_output.h"

#include "libkv/base/hash.h"
#include "libkv/base/planted.h"
#include "libkv/storage/byte_coding.h"
#include "libkv/storage/file_names.h"

namespace kv {

TableOutput::~TableOutput() {
  writer_.reset();
  // What cannot be removed now is removed at the next open.
  for (const std::string& path : paths_) (void)directory_->files.remove(path);
}

Status TableOutput::add(const Entry& entry) {
  if (!writer_) KV_TRY(begin_table());
  KV_TRY(writer_->add(entry));
  const bool ends = writer_->file_bytes() >= file_bytes_max_ || writer_->is_full();
  return ends ? end_table() : Status{};
}

Status TableOutput::cut() {
  return writer_ ? end_table() : Status{};
}

Status TableOutput::begin_table() {
  TableInfo info;
  info.number = directory_->next_number++;
  info.level = level_;
  char number[8];
  store_word(number, info.number);
  info.salt = hash64(BytesView(number, sizeof(number)), salt_seed_);
  info.created_us = microseconds_of(directory_->clock.wall());
  const std::string path = directory_->path + "/" + table_file_name(info.number);
  KV_ASSIGN(auto file, directory_->files.open(path, OpenMode::write_new));
  paths_.push_back(path);
  writer_.emplace(std::move(file), directory_->options, std::move(info));
  return {};
}

Status TableOutput::end_table() {
  KV_ASSIGN(TableInfo info, writer_->finish());
  tables_.push_back(std::move(info));
  writer_.reset();
  return {};
}

Status TableOutput::finish() {
  KV_TRY(cut());
  if (tables_.empty() || KV_PLANTED(skip_directory_sync)) return {};
  return directory_->files.sync_directory(directory_->path);
}

uint64_t TableOutput::written_bytes() const {
  uint64_t bytes = 0;
  for (const TableInfo& table : tables_) bytes += table.file_bytes;
  return bytes;
}

}  // namespace kv
