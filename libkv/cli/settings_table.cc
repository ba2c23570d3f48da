#include "libkv/cli/settings.h"

namespace kv {
namespace {

using enum SettingType;

// The [gossip], [node], [coordinator] and [repair] endpoints are where that daemon listens and how
// the others reach it: gossip tells them to the other members together with labels and weight.
constexpr Setting kSettings[] = {
    {"", "member", number, "", "", "This member's number, from 1; unique in the cluster."},
    {"", "directory", text, "", "",
     "Where the member's daemons keep what must survive, each in a directory of its own within."},
    {"", "labels", labels, "", "",
     "Where the member stands: dc, rack and host. Copies of a key are kept apart by them."},
    {"", "weight", number, "1", "", "The member's share of the data, relative to the others'."},
    {"", "log_level", log_level, "info", "KV_LOG_LEVEL",
     "The least a daemon logs: debug, info, warning or error."},
    {"", "value_bytes_max", size, "1MiB", "KV_VALUE_BYTES_MAX",
     "The largest value that is taken, up to 64MiB; the same for all members."},
    {"gossip", "endpoint", endpoint, "", "", "Where kv-gossip listens."},
    {"gossip", "seeds", endpoints, "", "",
     "Where other members' kv-gossips listen: asked while this one has no map, as after a wipe."},
    {"node", "endpoint", endpoint, "", "", "Where kv-node listens."},
    {"node", "memory", size, "384MiB", "KV_NODE_MEMORY",
     "What kv-node may have in memory, from 64MiB on: the whole process. Its storage gets what the "
     "rest of it leaves."},
    {"coordinator", "endpoint", endpoint, "", "",
     "Where kv-coordinator listens: what clients are given as KV_ENDPOINT."},
    {"repair", "endpoint", endpoint, "", "", "Where kv-repair listens."},
    {"client", "endpoint", endpoints, "", "KV_ENDPOINT",
     "The coordinators a command tries, in this order."},
    {"client", "keyspace", text, "default", "KV_KEYSPACE", "The keyspace a command works in."},
    {"client", "timeout", duration, "5s", "KV_TIMEOUT",
     "How long a command waits for an operation before it gives up."},
};

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

std::string Setting::full_name() const {
  return section.empty() ? std::string(name) : std::string(section).append(".").append(name);
}

const char* to_string(SettingType type) {
  switch (type) {
    case text:
      return "text";
    case number:
      return "a whole number";
    case duration:
      return "a duration such as \"5s\"";
    case size:
      return "a size such as \"64MiB\"";
    case endpoint:
      return "an endpoint such as \"ipc:///run/kv/node\" or \"tcp://127.0.0.1:7001\"";
    case endpoints:
      return "an endpoint or a list of endpoints";
    case labels:
      return "a table of labels such as {dc=\"dc1\", host=\"h1\"}";
    case log_level:
      return "one of debug, info, warning, error";
  }
  return "";
}

}  // namespace kv
