#include "libkv/command/cluster_status.h"

#include <array>
#include <cstdio>

#include "libkv/command/report_path.h"
#include "libkv/command/text_table.h"

namespace kv {

namespace {

constexpr const char* kDaemons[] = {"kv-node", "kv-gossip", "kv-coordinator", "kv-repair"};

// Calls visit(observer, row) for each member's row about `subject`.
template <typename Visit>
void for_each_view(const ClusterSurvey& survey, MemberNumber subject, Visit visit) {
  for (const MemberSurvey& observer : survey.members) {
    const Report* rows = observer.cluster ? observer.cluster->find("members") : nullptr;
    if (rows == nullptr) continue;
    for (const Report& row : rows->elements())
      if (number_at(row, {"member"}) == subject) visit(observer.member, row);
  }
}

// How the others see it; where there are none, how it sees itself.
Report seen(const ClusterSurvey& survey, MemberNumber subject) {
  const auto count = [&](bool itself) {
    std::array<uint64_t, 3> counts{};
    for_each_view(survey, subject, [&](MemberNumber observer, const Report& row) {
      const std::string liveness = text_at(row, {"liveness"});
      if ((observer == subject) == itself)
        ++counts[liveness == "alive" ? 0 : liveness == "suspect" ? 1 : 2];
    });
    return counts;
  };
  std::array<uint64_t, 3> counts = count(false);
  if (counts[0] + counts[1] + counts[2] == 0) counts = count(true);
  return Report::object().set("alive", counts[0]).set("suspect", counts[1]).set("down", counts[2]);
}

// By its own word, where it answers; else by what another knows of it.
Report daemons(const ClusterSurvey& survey, const MemberSurvey& member) {
  Report up = Report::object();
  for (const char* daemon : kDaemons) up.set(daemon, false);
  if (!member.status) {
    for_each_view(survey, member.member, [&](MemberNumber, const Report& row) {
      // What a member that is down had before is not what it has.
      if (text_at(row, {"liveness"}) == "down") return;
      for (const char* daemon : kDaemons)
        if (flag_at(row, {"daemons", daemon})) up.set(daemon, true);
    });
    // Whatever the others last heard, this one has just not answered.
    return up.set("kv-coordinator", false);
  }
  up.set("kv-coordinator", true);
  for (const char* place : {"node", "gossip", "repair"}) {
    const Report* told = member.status->find(place);
    up.set(std::string("kv-") + place, told != nullptr && told->find("error") == nullptr);
  }
  return up;
}

Report copy_at(const MemberSurvey& member, ReportPath path) {
  const Report* at = member.status ? find_at(*member.status, path) : nullptr;
  return at == nullptr ? Report() : *at;
}

Report member_row(const ClusterSurvey& survey, const MemberSurvey& member, const Report& mapped) {
  Report row = Report::object();
  for (const char* name :
       {"member", "dc", "rack", "host", "endpoint", "weight", "slots", "first_slots"}) {
    const Report* value = mapped.find(name);
    row.set(name, value == nullptr ? Report() : *value);
  }
  row.set("answers", member.status.has_value());
  if (!member.status) row.set("why", member.why);
  row.set("seen", seen(survey, member.member)).set("daemons", daemons(survey, member));
  row.set("epoch", copy_at(member, {"epoch"}));
  for (const char* name : {"keys", "disk_bytes", "hints", "hints_unreadable", "owed", "refilling",
                           "trees_building", "trees_unreadable", "storage"})
    row.set(name, copy_at(member, {"node", name}));
  for (const char* name :
       {"partitions_to_prove", "partitions_proven", "seconds_since_proven_equal"})
    row.set(name, copy_at(member, {"repair", name}));
  return row;
}

// `alive`, or, where the others do not see it alike, `alive:1,down:2`.
std::string seen_text(const Report& row) {
  std::string text;
  size_t kinds = 0;
  for (const char* liveness : {"alive", "suspect", "down"}) {
    const uint64_t count = number_at(row, {"seen", liveness});
    if (count == 0) continue;
    ++kinds;
    text += (text.empty() ? "" : ",") + std::string(liveness) + ":" + std::to_string(count);
  }
  if (kinds == 0) return "-";
  return kinds == 1 ? text.substr(0, text.find(':')) : text;
}

// `4/4`, or with the names of those that are not: `3/4,no:kv-repair`.
std::string daemons_text(const Report& row) {
  size_t up = 0;
  std::string missing;
  for (const char* daemon : kDaemons) {
    if (flag_at(row, {"daemons", daemon})) {
      ++up;
    } else {
      missing += std::string(",no:") + daemon;
    }
  }
  const std::string text = std::to_string(up) + "/4";
  return up == 0 ? text : text + missing;
}

// `3s`: every shared partition was equal that long ago or later; `12/64`: so many were yet.
std::string proven_text(const Report& row) {
  if (find_at(row, {"partitions_proven"}) == nullptr ||
      find_at(row, {"partitions_proven"})->is_null())
    return "-";
  const uint64_t proven = number_at(row, {"partitions_proven"});
  const uint64_t needed = number_at(row, {"partitions_to_prove"}, proven);
  if (proven < needed) return std::to_string(proven) + "/" + std::to_string(needed);
  const Report* seconds = row.find("seconds_since_proven_equal");
  const double value = seconds == nullptr ? 0 : seconds->as_real().value_or(0);
  return std::to_string(static_cast<uint64_t>(value)) + "s";
}

// Three digits are enough for a person; --json has every byte.
std::string bytes_text(const Report& row, ReportPath path) {
  const Report* at = find_at(row, path);
  if (at == nullptr || !at->as_unsigned()) return "-";
  auto amount = static_cast<double>(*at->as_unsigned());
  size_t unit = 0;
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  for (; amount >= 1000 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  char text[32];
  std::snprintf(text, sizeof(text), unit > 0 && amount < 10 ? "%.1f%s" : "%.0f%s", amount,
                kUnits[unit]);
  return text;
}

Report list_of(std::vector<std::string> texts) {
  Report list = Report::array();
  for (std::string& text : texts) list.append(std::move(text));
  return list;
}

}  // namespace

Report status_of(const ClusterSurvey& survey) {
  Report status = Report::object();
  for (const char* name : {"cluster", "epoch", "partitions", "voters"}) {
    const Report* value = survey.ring.find(name);
    status.set(name, value == nullptr ? Report() : *value);
  }
  Report members = Report::array();
  const Report* mapped = survey.ring.find("members");
  for (size_t i = 0; i < survey.members.size(); ++i)
    members.append(member_row(survey, survey.members[i], mapped->elements()[i]));
  status.set("members", std::move(members));
  status.set("disagreements", list_of(disagreements(survey)));
  return status.set("troubles", list_of(troubles(survey)));
}

std::string status_text(const Report& status) {
  std::string out = "cluster " + text_at(status, {"cluster"}) + " epoch " +
                    shown_at(status, {"epoch"}) + " partitions " +
                    shown_at(status, {"partitions"}) + " members " +
                    std::to_string(status.find("members")->elements().size()) + "\n";
  TextTable table({"MEMBER", "DC", "HOST", "SEEN", "DAEMONS", "EPOCH", "SLOTS", "KEYS", "DISK",
                   "HINTS", "OWED", "REFILLING", "PROVEN"});
  for (const Report& row : status.find("members")->elements())
    table.add({shown_at(row, {"member"}), shown_at(row, {"dc"}), shown_at(row, {"host"}),
               seen_text(row), daemons_text(row), shown_at(row, {"epoch"}),
               shown_at(row, {"slots"}), shown_at(row, {"keys"}), bytes_text(row, {"disk_bytes"}),
               shown_at(row, {"hints"}), shown_at(row, {"owed"}), shown_at(row, {"refilling"}),
               proven_text(row)});
  out += table.text();
  for (const Report& text : status.find("disagreements")->elements())
    out.append("disagree: ").append(text.as_text().value_or("")).append("\n");
  for (const Report& text : status.find("troubles")->elements())
    out.append("trouble: ").append(text.as_text().value_or("")).append("\n");
  return out;
}

}  // namespace kv
