#!/usr/bin/env bats
# What gossip says is soft: it chooses whom to try first, and makes nobody unreachable.

load setup

# What is said of member $1: alive, suspect or down; all of it with counts, where those who were
# asked differ, as do the coordinators that have lost their kv-gossips and know only the past.
seen() {
  kv-status --endpoint "$first" 2>/dev/null | awk -v member="$1" '
    $1 == "MEMBER" { for (i = 1; i <= NF; ++i) if ($i == "SEEN") column = i }
    column && $1 == member { print $column }'
}

await_not_alive() {
  local deadline=$((SECONDS + 20)) state
  until state=$(seen "$1") && [[ $state == *suspect* || $state == *down* ]]; do
    ((SECONDS < deadline)) || fail "member $1 is still $state"
    read -r -t 0.1 <> <(:) || true
  done
}

@test "kv-nodes whose kv-gossips are dead go on serving" {
  start_cluster 3
  first=${KV_ENDPOINT%%,*}
  printf 'a\t1\nb\t1\nc\t1\n' | kv-put --tsv
  kv-cluster kill 2 kv-gossip
  kv-cluster kill 3 kv-gossip
  await_not_alive 2
  await_not_alive 3
  export KV_ENDPOINT=$first
  # R = W = 2, then all three, strictly too.
  [[ $(kv-get a) == 1 ]]
  kv-put a 2
  [[ $(kv-get a) == 2 ]]
  kv-put --w 3 b 2
  [[ $(kv-get --r 3 b) == 2 ]]
  kv-put --strict --w 3 c 2
  [[ $(kv-get --strict --r 3 c) == 2 ]]
  [[ $(kv-scan --tsv) == $'a\t2\nb\t2\nc\t2' ]]
  [[ $(kv-scan --tsv --r 3) == $'a\t2\nb\t2\nc\t2' ]]
  # The log tells who suspected whom, and what came of it.
  kv-cluster log 1 kv-gossip | grep -q 'member_suspected member=2 by=1'
  kv-cluster log 1 kv-gossip | grep -q 'member_liveness member=3 was=alive is=suspect'
  kv-cluster start 2 kv-gossip
  kv-cluster start 3 kv-gossip
  kv-wait --settled --timeout 60s
  [[ $(seen 2) == alive && $(seen 3) == alive ]]
  kv-cluster log 1 kv-gossip | grep -q 'member_cleared member=2'
}

@test "a coordinator whose own kv-gossip is dead goes on serving" {
  start_cluster 3
  first=${KV_ENDPOINT%%,*}
  kv-cluster kill 1 kv-gossip
  export KV_ENDPOINT=$first
  kv-put --w 3 a 1
  [[ $(kv-get --r 3 a) == 1 ]]
}

@test "two of three members dead: unavailable is said long before the client's time is over" {
  start_cluster 3
  first=${KV_ENDPOINT%%,*}
  kv-put a 1
  kv-cluster kill 2
  kv-cluster kill 3
  await_not_alive 2
  await_not_alive 3
  export KV_ENDPOINT=$first
  # A try has a third of the time: the coordinator's word, not the client's, shows that it was kept.
  assert_exit 3 kv-get --timeout 1s a
  assert_message "unavailable: 1 of 2 replicas answered (R=2"
  assert_exit 3 kv-put --timeout 1s a 2
  assert_message "unavailable: 1 of 2 replicas can be reached (W=2"
  # Nothing was stored by it, and what one replica can do it does.
  [[ $(kv-get --r 1 a) == 1 ]]
  kv-put --w 1 a 3
  [[ $(kv-get --r 1 a) == 3 ]]
}
