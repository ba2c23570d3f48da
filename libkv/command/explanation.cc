#include "libkv/command/explanation.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <vector>

#include "libkv/command/report_path.h"
#include "libkv/command/text_table.h"

namespace kv {

namespace {

const std::vector<Report>& elements_at(const Report& report, ReportPath path) {
  static const std::vector<Report> none;
  const Report* found = find_at(report, path);
  return found == nullptr ? none : found->elements();
}

// A record's digest; that of no record is a value of its own.
std::string version_of(const Report& replica) {
  return replica.find("record") == nullptr ? "none" : shown_at(replica, {"record", "digest"});
}

bool answered(const Report* replica) {
  return replica != nullptr && replica->find("error") == nullptr;
}

std::string usual_version(const Report& told) {
  std::map<std::string, size_t> counts;
  std::vector<std::string> in_order;
  for (const Report& slot : elements_at(told, {"slots"})) {
    const Report* replica =
        find_at(told, {"replicas", std::to_string(slot.as_unsigned().value_or(0))});
    if (!answered(replica)) continue;
    in_order.push_back(version_of(*replica));
    ++counts[in_order.back()];
  }
  std::string usual;
  for (const std::string& version : in_order)
    if (usual.empty() || counts[version] > counts[usual]) usual = version;
  return usual;
}

std::string hexadecimal(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::string time_text(uint64_t microseconds) {
  const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
  std::tm parts{};
  char text[64];
  if (gmtime_r(&seconds, &parts) == nullptr) return "-";
  const size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof(text) - length, ".%06uZ",
                static_cast<unsigned>(microseconds % 1'000'000));
  return text;
}

// A table's cell has none.
std::string without_spaces(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

std::string found_text(const Report& replica) {
  const std::string place = text_at(replica, {"found_in"}, "-");
  const bool on_level = replica.find("record") != nullptr && place != "memtable";
  return on_level ? place + ",level-" + shown_at(replica, {"level"}) : place;
}

std::vector<std::string> row_of(const std::string& member, const std::string& role,
                                const Report& replica) {
  if (!answered(&replica))
    return {member, role, text_at(replica, {"error"}), "-", "-", "-", "-", "-"};
  std::string note = flag_at(replica, {"differs"}) ? "DIFFERS" : "";
  if (flag_at(replica, {"refilling"})) note += note.empty() ? "refilling" : ",refilling";
  if (replica.find("hint") != nullptr) note += note.empty() ? "hint" : ",hint";
  const bool has = replica.find("record") != nullptr;
  return {member,
          role,
          found_text(replica),
          shown_at(replica, {"leaf"}),
          has ? hexadecimal(number_at(replica, {"record", "digest"})) : "-",
          std::to_string(elements_at(replica, {"record", "siblings"}).size()),
          has ? without_spaces(shown_at(replica, {"record", "context"})) : "-",
          note.empty() ? "-" : note};
}

std::string expiry_text(const Report& sibling) {
  if (sibling.find("expiry") == nullptr) return "";
  const std::string at = time_text(number_at(sibling, {"expiry"}));
  return flag_at(sibling, {"expired"}) ? ", expired at " + at : ", expires at " + at;
}

void append_siblings(const std::string& intro, const Report& record, std::string* out) {
  for (const Report& sibling : elements_at(record, {"siblings"})) {
    *out += intro + " dot " + shown_at(sibling, {"dot"});
    *out += flag_at(sibling, {"tombstone"}) ? " deleted"
                                            : " " + shown_at(sibling, {"value_bytes"}) + " bytes";
    *out += " at " + time_text(number_at(sibling, {"timestamp"})) + expiry_text(sibling) + "\n";
  }
}

std::string numbers(const std::vector<Report>& members) {
  std::string text;
  for (const Report& member : members)
    text += (text.empty() ? "" : ",") + std::to_string(member.as_unsigned().value_or(0));
  return text.empty() ? "-" : text;
}

struct Shown {
  std::string member, role;
  const Report* replica;
};

std::vector<Shown> replicas_in_order(const Report& explained) {
  std::vector<Shown> shown;
  for (const char* role : {"slots", "fallbacks"}) {
    size_t place = 0;
    for (const Report& number : elements_at(explained, {role})) {
      const std::string member = std::to_string(number.as_unsigned().value_or(0));
      const std::string name = role == std::string("slots") ? "slot-" : "fallback-";
      const Report* replica = find_at(explained, {"replicas", member});
      if (replica != nullptr) shown.push_back({member, name + std::to_string(place), replica});
      ++place;
    }
  }
  return shown;
}

}  // namespace

Report with_differences(Report told) {
  const std::string usual = usual_version(told);
  bool any = false;
  const std::vector<Report> slots = elements_at(told, {"slots"});
  for (const Report& slot : slots) {
    const std::string member = std::to_string(slot.as_unsigned().value_or(0));
    const Report* replica = find_at(told, {"replicas", member});
    if (!answered(replica)) continue;
    const bool differs = version_of(*replica) != usual;
    any |= differs;
    told["replicas"][member].set("differs", differs);
  }
  told.set("slots_differ", any);
  return told;
}

std::string explanation_text(const std::string& key, const Report& explained) {
  std::string out = "key " + key + "\n";
  out += "keyspace " + shown_at(explained, {"keyspace"}) + " epoch " +
         shown_at(explained, {"epoch"}) + "\n";
  out += "token " + hexadecimal(number_at(explained, {"token"})) + " partition " +
         shown_at(explained, {"partition"}) + " slots " +
         numbers(elements_at(explained, {"slots"})) + " fallbacks " +
         numbers(elements_at(explained, {"fallbacks"})) + "\n\n";
  TextTable table({"MEMBER", "ROLE", "FOUND", "LEAF", "DIGEST", "SIBLINGS", "CONTEXT", "NOTE"});
  const std::vector<Shown> shown = replicas_in_order(explained);
  for (const Shown& each : shown) table.add(row_of(each.member, each.role, *each.replica));
  out += table.text() + "\n";
  for (const Shown& each : shown) {
    if (const Report* record = each.replica->find("record"))
      append_siblings("member " + each.member, *record, &out);
    if (const Report* hint = each.replica->find("hint"))
      append_siblings("member " + each.member + " hint for " +
                          numbers(elements_at(*each.replica, {"hint_for"})),
                      *hint, &out);
  }
  out += flag_at(explained, {"slots_differ"}) ? "the slots differ\n" : "";
  return out;
}

}  // namespace kv
