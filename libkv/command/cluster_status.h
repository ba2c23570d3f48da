// What kv-status shows: one row a member, put together from what all of them say, and where they
// disagree. Pure.
//
// The report:
//   cluster, epoch, partitions, voters
//   members: member, dc, rack, host, endpoint, weight, slots, first_slots
//            answers, why (if not)
//            seen:    {alive, suspect, down}  how many of the other members see it so
//            daemons: {kv-node, …}            which run, by its own word, else by another's
//            epoch, keys, disk_bytes, hints, hints_unreadable, owed, refilling,
//            trees_building, trees_unreadable, storage (service/engine_report.h),
//            partitions_to_prove, partitions_proven, seconds_since_proven_equal
//            (null where it did not answer)
//   disagreements: [text]
//   troubles: [text]
#pragma once

#include <string>
#include <vector>

#include "libkv/command/cluster_survey.h"

namespace kv {

Report status_of(const ClusterSurvey& survey);
/// As a table, and a line for each disagreement and each trouble.
std::string status_text(const Report& status);

/// One phrase for each thing that not all members say alike: ids of the cluster, epochs, who is
/// alive; and a member that is seen alive and does not answer.
std::vector<std::string> disagreements(const ClusterSurvey& survey);

/// One phrase for each thing of a member's storage that somebody should look into: it takes no
/// writes, it was found damaged, or cannot be read through.
std::vector<std::string> troubles(const ClusterSurvey& survey);

}  // namespace kv
