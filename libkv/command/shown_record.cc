#include "libkv/command/shown_record.h"

#include <cstdio>
#include <ctime>

#include "libkv/codec/context_codec.h"

namespace kv {

namespace {

std::string more_members(const Sibling& sibling, const ShowOptions& options) {
  std::string text;
  if (options.siblings) {
    CausalContext dot;
    dot.see(sibling.dot);
    std::string shown = to_string(dot);
    // `[s1:2]`: the brackets are a context's.
    text += "\"dot\":\"" + shown.substr(1, shown.size() - 2) + "\"";
  }
  if (options.meta) {
    if (!text.empty()) text += ',';
    text += "\"timestamp\":\"" + time_text(sibling.timestamp) + "\",\"expiry\":";
    text += sibling.expiry ? "\"" + time_text(*sibling.expiry) + "\"" : "null";
    text += ",\"size\":" + std::to_string(sibling.value.size());
  }
  return text;
}

}  // namespace

std::string time_text(WallTime time) {
  const int64_t microseconds = microseconds_of(time);
  const std::time_t seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char whole[48];
  std::snprintf(whole, sizeof whole, "%s.%06dZ", date, static_cast<int>(microseconds % 1'000'000));
  return whole;
}

Status show(BytesView key, const Record& record, const ShowOptions& options, RecordWriter& writer) {
  if (record.siblings.size() > 1 && !options.siblings)
    return fail(ErrorKind::conflict, std::to_string(record.siblings.size()) +
                                         " siblings; --siblings shows them, and a put with their "
                                         "--context resolves them");
  std::string context;
  if (options.context) context = context_to_text(record.context);
  for (const Sibling& sibling : record.siblings) {
    KeyValue pair{key, sibling.value.view()};
    if (options.context) pair.context = context;
    KV_TRY(writer.write(pair, more_members(sibling, options)));
  }
  return {};
}

}  // namespace kv
