// What a cluster still lacks of being ready, or settled: the conditions of kv-wait. Pure.
//
//   ready    every member answers, all four daemons of each run, the voters have judged each
//            kv-node's start (a strict read does not count on it before), every member sees every
//            member alive, and all are at one epoch. A put with W = N then succeeds, whoever is
//            asked.
//   settled  ready; and no hints, no owed repairs, nothing refilling, every tree built, and
//            the root hashes of each partition equal at all of its slots: all copies are equal.
#pragma once

#include <string>
#include <vector>

#include "libkv/command/cluster_survey.h"

namespace kv {

/// One phrase for each thing that is missing; empty: ready.
std::vector<std::string> missing_for_ready(const ClusterSurvey& survey);
/// The same for settled. REQUIRES: the survey was made with roots.
std::vector<std::string> missing_for_settled(const ClusterSurvey& survey);

}  // namespace kv
