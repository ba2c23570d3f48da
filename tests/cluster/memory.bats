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

# nodes_keep_within MIB WHAT: over all the time until now.
nodes_keep_within() {
  local member peak
  for ((member = 1; member <= members; member++)); do
    peak=$(peak_rss_of_node "$member")
    echo "# member $member, after $2: peak RSS $((peak / 1024)) of $1 MiB" >&3
    ((peak <= $1 * 1024)) || fail "kv-node of member $member had $peak KiB after $2"
  done
}

# KV_MEMORY_MIB (64), KV_MEMORY_MEMBERS (1) and KV_MEMORY_VALUE_BYTES (4000) make it larger.
@test "ten times node.memory goes through byte for byte, and kv-node's RSS stays within it" {
  local memory_mib=${KV_MEMORY_MIB:-64} members=${KV_MEMORY_MEMBERS:-1}
  export KV_NODE_MEMORY=${memory_mib}MiB
  start_cluster "$members"
  # base64 of random bytes: a quarter of what is asked for comes by the encoding, and none goes by
  # compression to speak of.
  head -c "$((memory_mib * 10 * 3 / 4))M" /dev/urandom |
    base64 -w "${KV_MEMORY_VALUE_BYTES:-4000}" |
    awk '{ printf "key-%08d\t%s\n", NR, $0 }' >pairs
  kv-put --tsv --timeout 60s <pairs
  nodes_keep_within "$memory_mib" "kv-put"
  # In an order that finds nothing in memory twice.
  cut -f 1 pairs | shuf | kv-get --tsv --timeout 60s - | sort >found
  cmp pairs found
  nodes_keep_within "$memory_mib" "kv-get"
  kv-scan --tsv | cmp - pairs
  nodes_keep_within "$memory_mib" "kv-scan"

  local member
  for ((member = 1; member <= members; member++)); do
    [[ $(storage "$member" .memory.limit) == "$((memory_mib << 20))" ]]
    (($(storage "$member" .memory.resident) <= memory_mib << 20))
    (($(storage "$member" .memory.used) <= $(storage "$member" .memory.budget)))
    # It did not fit, so this test is about something.
    (($(storage "$member" .reads.cache_misses) > $(wc -l <pairs) / 4))
  done
}

@test "with 64 clients that read, write and scan at the same time kv-node's RSS stays within node.memory" {
  local memory_mib=${KV_MEMORY_MIB:-64} members=${KV_MEMORY_MEMBERS:-1} workload
  export KV_NODE_MEMORY=${memory_mib}MiB
  start_cluster "$members"
  kv-bench --workload load --records 50000 --clients 64 --seconds 120
  for workload in a e put; do
    kv-bench --workload "$workload" --records 50000 --clients 64 --seconds 4
    nodes_keep_within "$memory_mib" "workload $workload"
  done
}

@test "while many read all there is by kv-scan, kv-node's RSS stays within node.memory" {
  local memory_mib=${KV_MEMORY_MIB:-64} members=${KV_MEMORY_MEMBERS:-1} scan scans=() expected
  export KV_NODE_MEMORY=${memory_mib}MiB
  start_cluster "$members"
  head -c "$((memory_mib / 2 * 3 / 4))M" /dev/urandom | base64 -w 1000 |
    awk '{ printf "key-%08d\t%s\n", NR, $0 }' >pairs
  # Twice, so that it lies in several tables.
  kv-put --tsv --timeout 60s <pairs
  kv-put --tsv --timeout 60s <pairs
  expected=$(sha256sum <pairs)
  for scan in {1..32}; do
    [[ $(kv-scan --tsv --timeout 120s | sha256sum) == "$expected" ]] &
    scans+=($!)
  done
  for scan in "${scans[@]}"; do
    wait "$scan"
  done
  nodes_keep_within "$memory_mib" "32 times kv-scan"
}

@test "less memory than kv-node can do with is refused, and the least there may be is told" {
  kv-cluster up 1
  export KV_NODE_MEMORY=63MiB
  assert_exit 2 timeout 20 kv-node --config "$KV_CLUSTER_DIR/member-1/kv.toml"
  assert_message "KV_NODE_MEMORY: node.memory is 63MiB, and must be from 64MiB to 1024TiB"
}
