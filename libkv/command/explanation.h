// What kv-explain shows of one key: how the map leads from it to members, and what each of them
// has. Pure.
#pragma once

#include <string>

#include "libkv/model/report.h"

namespace kv {

/// `told`: a coordinator's answer to the verb `explain`. Adds to each slot's replica `differs`:
/// true where its record is not the one that most slots have (on a tie, the one of the earliest
/// slot), and to the whole `slots_differ`. A slot that did not answer has no `differs`.
Report with_differences(Report told);

/// The text; `key` as it shall be printed. `explained`: from with_differences().
std::string explanation_text(const std::string& key, const Report& explained);

}  // namespace kv
