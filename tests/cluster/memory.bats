# What kv-node may have in memory, and what it does have: kv-node(8), MEMORY.

load setup

# The most of its memory that was resident at any time, in KiB.
peak_rss_of_node() {
  local pid
  pid=$(kv-cluster pids | awk -v member="$1" '$1 == member && $2 == "kv-node" { print $3 }')
  awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status"
}

# storage MEMBER PATH: of what kv-status tells of its storage.
storage() {
  kv-status --json | jq ".members[] | select(.member == $1).storage$2"
}

# KV_MEMORY_MIB (16) and KV_MEMORY_MEMBERS (1) make it larger.
@test "ten times the memory budget goes through byte for byte, and kv-node stays within it" {
  local budget_mib=${KV_MEMORY_MIB:-16} members=${KV_MEMORY_MEMBERS:-1}
  # kv-node(8): what stands beside the budget.
  local beside_mib=96
  export KV_NODE_MEMORY=${budget_mib}MiB
  start_cluster "$members"
  # base64 of random bytes: a quarter of what is asked for comes by the encoding, and none goes by
  # compression to speak of.
  head -c "$((budget_mib * 10 * 3 / 4))M" /dev/urandom | base64 -w 1000 |
    awk '{ printf "key-%08d\t%s\n", NR, $0 }' >pairs
  kv-put --tsv --timeout 60s <pairs
  # In an order that finds nothing in memory twice.
  cut -f 1 pairs | shuf | kv-get --tsv --timeout 60s - | sort >found
  cmp pairs found
  kv-scan --tsv | cmp - pairs

  local member peak
  for ((member = 1; member <= members; member++)); do
    [[ $(storage "$member" .memory.budget) == "$((budget_mib << 20))" ]]
    (($(storage "$member" .memory.used) <= budget_mib << 20))
    # It did not fit, so this test is about something.
    (($(storage "$member" .reads.cache_misses) > $(wc -l <pairs) / 4))
    peak=$(($(peak_rss_of_node "$member") / 1024))
    echo "# member $member: a budget of $budget_mib MiB, data of $(($(wc -c <pairs) >> 20)) MiB, peak RSS $peak MiB" >&3
    ((peak <= budget_mib + beside_mib)) || fail "kv-node of member $member had $peak MiB"
  done
}
