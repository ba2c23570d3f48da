#!/usr/bin/env bats
# What people ask a running cluster: status, ring, explain, keyspaces, waiting, measuring.

load setup

# field JSON-PATH FILE: one value of a JSON file, by python, which is there wherever meson is.
field() {
  python3 -c 'import json, sys
value = json.load(open(sys.argv[2]))
for step in sys.argv[1].split("."):
    value = value[int(step)] if isinstance(value, list) else value[step]
print(json.dumps(value))' "$1" "$2"
}

# The column NAME of member MEMBER in the kv-status that stands in `out`.
column() {
  awk -v name="$1" -v member="$2" '
    $1 == "MEMBER" { for (i = 1; i <= NF; ++i) if ($i == name) column = i }
    column && $1 == member { print $column }' out
}

column_is() {
  kv-status >out 2>err && [[ $(column "$1" "$2") == "$3" ]]
}

# Repeats a status until column NAME of MEMBER is VALUE.
await_column() {
  await 20 column_is "$@"
}

@test "kv-status: a row for each member, with the columns that are promised" {
  start_cluster 3
  assert_exit 0 kv-status
  run cat out
  assert_line --index 0 --regexp '^cluster [0-9a-f]{32} epoch 1 partitions 64 members 3$'
  assert_line --index 1 --regexp \
    '^MEMBER +DC +HOST +SEEN +DAEMONS +EPOCH +SLOTS +KEYS +DISK +HINTS +OWED +REFILLING +PROVEN$'
  assert_equal "$(wc -l <out)" 5
  for member in 1 2 3; do
    assert_equal "$(column SEEN "$member")" alive
    assert_equal "$(column DAEMONS "$member")" 4/4
    assert_equal "$(column HOST "$member")" "h$member"
    assert_equal "$(column SLOTS "$member")" 64
    assert_equal "$(column HINTS "$member")" 0
  done
  assert_exit 0 kv-status --json
  assert_equal "$(field epoch out)" 1
  assert_equal "$(field members.2.member out)" 3
  assert_equal "$(field members.2.seen.alive out)" 2
  assert_equal "$(field members.0.daemons.kv-repair out)" true
  assert_equal "$(field disagreements out)" '[]'
}

@test "kv-status and kv-ring: a killed member is a row, and is marked" {
  start_cluster 3
  kv-cluster kill 2
  await_column SEEN 2 down
  assert_equal "$(column SEEN 1)" alive
  assert_equal "$(column DAEMONS 2)" 0/4
  assert_equal "$(column KEYS 2)" -
  assert_exit 0 kv-status --json
  assert_equal "$(field members.1.answers out)" false
  assert_exit 0 kv-ring
  grep -qE '^2 .* down ' out
  grep -q '2!' out
  kv-cluster start 2
  assert_exit 0 kv-wait --ready --timeout 30s
  assert_exit 0 kv-status
  assert_equal "$(column SEEN 2)" alive
  assert_equal "$(column DAEMONS 2)" 4/4
}

@test "kv-status: one dead daemon is named" {
  start_cluster 3
  kv-cluster kill 3 kv-repair
  assert_exit 0 kv-status
  assert_equal "$(column DAEMONS 3)" 3/4,no:kv-repair
}

@test "kv-ring: 64 partitions of three members fit a terminal" {
  start_cluster 3
  assert_exit 0 kv-ring
  assert [ "$(wc -l <out)" -le 24 ]
  run awk 'length > 80' out
  assert_output ''
  # Every partition stands there once, with three owners.
  assert_equal "$(grep -oE '[123],[123],[123]' out | wc -l)" 64
  assert_exit 0 kv-ring --json
  assert_equal "$(field placements.0.rows.63.partition out)" 63
  assert_equal "$(field placements.0.n out)" 3
}

@test "kv-explain: a key that is there, and one that is not" {
  start_cluster 3
  kv-put cart:7 hello --w 3
  assert_exit 0 kv-explain cart:7
  grep -qx 'key cart:7' out
  assert_equal "$(grep -cE '^[123] +slot-[012] +memtable .* 1 +\[s[123]:1\] +-$' out)" 3
  assert_equal "$(grep -c ' 5 bytes at ' out)" 3
  assert_exit 0 kv-explain --json cart:7
  assert_equal "$(field slots_differ out)" false
  assert_equal "$(field key out)" '"cart:7"'
  assert_exit 0 kv-explain nothing
  assert_equal "$(grep -c nowhere out)" 3
  assert_exit 0 kv-explain --json $'\xff'
  assert_equal "$(field key_b64 out)" '"/w=="'
}

@test "kv-explain: says where replicas differ" {
  start_cluster 3
  kv-put k one --w 3
  # Member 3 loses its data, and nobody repairs it, so that the difference stays to be seen.
  kv-cluster kill 1 kv-repair
  kv-cluster kill 2 kv-repair
  kv-cluster kill 3
  kv-cluster wipe 3
  kv-cluster start 3 kv-gossip
  kv-cluster start 3 kv-node
  assert_exit 0 kv-explain --json k
  assert_equal "$(field slots_differ out)" true
  assert_equal "$(field replicas.3.differs out)" true
  assert_equal "$(field replicas.1.differs out)" false
  assert_exit 0 kv-explain k
  assert_equal "$(grep -cE '^3 .*nowhere .*DIFFERS' out)" 1
  assert_equal "$(grep -c DIFFERS out)" 1
}

@test "kv-explain: members that are dead are shown, and an expired value is marked" {
  start_cluster 5
  kv-put --w 3 --ttl 1s k value
  await 20 eval '! kv-get k >out 2>err'
  assert_message 'no such key'
  kv-cluster kill 4
  kv-cluster kill 5
  assert_exit 0 kv-explain k
  assert_equal "$(grep -cE '^[123] +(slot|fallback)-[0-4] ' out)" 3
  assert_equal "$(grep -cE '^[45] +(slot|fallback)-[0-4] +unavailable ' out)" 2
  grep -q ' 5 bytes at .*, expired at ' out
  assert_exit 0 kv-explain --json k
  assert_equal "$(field replicas.4.error out)" '"unavailable"'
  kv-put --ttl 1h k value
  kv-explain k | grep -q ', expires at '
}

@test "kv-explain: bad keys and keyspaces" {
  start_cluster 1
  assert_exit 2 kv-explain ''
  assert_message 'a key has 1 to 1024 bytes'
  assert_exit 2 kv-explain "$(printf 'x%.0s' {1..1025})"
  assert_exit 2 kv-explain --keyspace nowhere k
  assert_message 'there is no keyspace nowhere'
  assert_exit 2 kv-explain
}

@test "kv-keyspace: create, list, show, and use at once" {
  start_cluster 3
  assert_exit 0 kv-keyspace create carts --n 2 --r 1 --w 2 --strict
  run cat out
  assert_line --index 0 --regexp '^NAME +KIND +N +R +W +STRICT +CREATED$'
  assert_line --index 1 --regexp '^carts +ap +2 +1 +2 +yes +2$'
  # Every coordinator knows it already.
  for member in 1 2 3; do
    endpoint=$(cut -d , -f "$member" <<<"$KV_ENDPOINT")
    assert_exit 0 kv-put --endpoint "$endpoint" --keyspace carts "k$member" v
  done
  assert_exit 0 kv-keyspace create plain --kind ap --json
  assert_equal "$(field n out)" 3
  assert_equal "$(field r out)" 2
  assert_equal "$(field strict out)" false
  assert_exit 0 kv-keyspace list
  assert_equal "$(awk 'NR > 1 { print $1 }' out | paste -sd ' ')" 'default carts plain'
  assert_exit 0 kv-keyspace list --json
  assert_equal "$(field 1.name out)" '"carts"'
  assert_exit 0 kv-keyspace show carts
  grep -qE '^carts +ap +2 ' out
}

@test "kv-keyspace: what is refused, and how" {
  start_cluster 3
  assert_exit 1 kv-keyspace show carts
  assert_message 'there is no keyspace carts'
  assert_exit 2 kv-keyspace create default
  assert_message 'there is a keyspace default already'
  assert_exit 2 kv-keyspace create x --n 4
  assert_message '3 members'
  assert_exit 2 kv-keyspace create x --n 8
  assert_exit 2 kv-keyspace create x --r 4
  assert_message 'R=4'
  assert_exit 2 kv-keyspace create x --w 0
  assert_exit 2 kv-keyspace create 'a b'
  assert_exit 2 kv-keyspace create x --kind cp
  assert_message 'not in this version'
  assert_exit 2 kv-keyspace create x --kind oracle
  assert_exit 2 kv-keyspace create
  assert_message 'create needs a NAME'
  assert_exit 2 kv-keyspace list x
  assert_exit 2 kv-keyspace show default --n 3
  assert_exit 2 kv-keyspace drop default
  assert_message 'there is no action drop'
  assert_exit 0 kv-keyspace list
  assert_equal "$(wc -l <out)" 2
}

@test "kv-keyspace: without a majority of the voters nothing is claimed" {
  start_cluster 3
  kv-cluster kill 2 kv-gossip
  kv-cluster kill 3 kv-gossip
  local code=0
  kv-keyspace create x --timeout 2s >out 2>err || code=$?
  assert [ "$code" = 3 ] || assert [ "$code" = 4 ]
  assert_equal "$(wc -c <out)" 0
}

@test "kv-wait: ready, settled, and what is missing when the time is over" {
  start_cluster 3
  assert_exit 0 kv-wait --ready
  seq 1 200 | sed 's/.*/key-&\tvalue-&/' | kv-put --tsv 2>err
  assert_exit 0 kv-wait --settled --timeout 60s
  assert_equal "$(wc -c <out)" 0
  kv-cluster stop 3
  assert_exit 1 kv-wait --ready --timeout 300ms
  grep -q 'still missing: member 3 ' err
  assert_exit 1 kv-wait --ready --timeout 300ms --json
  assert_equal "$(field reached out)" false
  seq 1 200 | sed 's/.*/key-&\tnewer-&/' | kv-put --tsv 2>err
  kv-cluster start 3
  assert_exit 0 kv-wait --settled --timeout 60s --json
  assert_equal "$(field reached out)" true
  # Settled means: member 3 alone has what it missed.
  assert_exit 0 kv-explain --json key-7
  assert_equal "$(field slots_differ out)" false
}

@test "kv-wait: needs one condition" {
  assert_exit 2 kv-wait --endpoint ipc:///tmp/nobody
  assert_message 'exactly one of --ready and --settled'
  assert_exit 2 kv-wait --ready --settled --endpoint ipc:///tmp/nobody
}

@test "kv-bench: every workload runs, and says what it did" {
  start_cluster 3
  kv-keyspace create bench >out
  export KV_KEYSPACE=bench
  assert_exit 0 kv-bench --workload load --records 500 --value-bytes 100 --clients 32
  run cat out
  assert_line --index 0 --regexp \
    '^workload load records 500 value-bytes 100 clients 32 threads 1 rate - seconds [0-9.]+$'
  assert_line --index 1 --regexp '^VERB +OPS +OPS/S +MEAN_US +P50_US +P99_US +P99.9_US +MAX_US$'
  assert_line --index 2 --regexp '^all +500 '
  for workload in a b c d e f put get; do
    assert_exit 0 kv-bench --workload "$workload" --records 500 --value-bytes 100 --clients 8 \
      --seconds 1 --json
    assert [ "$(field operations out)" -gt 0 ]
    assert_equal "$(field errors out)" '{}'
  done
  assert_exit 0 kv-bench --workload get --records 500 --clients 4 --threads 2 --seconds 1 --r 1
}

@test "kv-bench: with a rate, what is due is done or said to be missed" {
  start_cluster 1
  assert_exit 0 kv-bench --workload load --records 100 --clients 8
  assert_exit 0 kv-bench --workload get --records 100 --clients 8 --rate 50 --seconds 2 --json
  assert_equal "$(($(field operations out) + $(field missed out)))" 100
  assert_exit 0 kv-bench --workload get --records 100 --clients 1 --rate 10000000 --seconds 1 --json
  assert [ "$(field missed out)" -gt 0 ]
}

@test "kv-bench: errors decide the exit code" {
  start_cluster 3
  assert_exit 1 kv-bench --workload c --records 10 --seconds 1
  grep -q 'errors of exit code 1: ' out
  grep -q 'was load run' err
  assert_exit 2 kv-bench --workload put --records 10 --w 4
  assert_exit 2 kv-bench --workload put --records 10 --keyspace nowhere
  assert_exit 2 kv-bench --workload z
  assert_exit 2 kv-bench --records 0
  assert_exit 2 kv-bench --clients 0
  kv-cluster kill 2 kv-node
  kv-cluster kill 3 kv-node
  assert_exit 3 kv-bench --workload get --records 10 --seconds 1 --timeout 1s
}

@test "nobody listening: exit 3, with the endpoints that were tried" {
  export KV_ENDPOINT=ipc://$BATS_TEST_TMPDIR/none-1,ipc://$BATS_TEST_TMPDIR/none-2
  for each in 'kv-status' 'kv-ring' 'kv-explain k' 'kv-keyspace list' 'kv-keyspace create x' \
    'kv-bench'; do
    # shellcheck disable=SC2086 # Words.
    assert_exit 3 $each --timeout 500ms
    assert_message "$BATS_TEST_TMPDIR/none-1"
    assert_message "$BATS_TEST_TMPDIR/none-2"
  done
  assert_exit 1 kv-wait --ready --timeout 300ms
  assert_message "kv-wait: the time was over: no coordinator answered: ${KV_ENDPOINT%,*}: cannot connect"
}

@test "a full disk under stdout is exit 8" {
  [[ -e /dev/full ]] || skip 'no /dev/full'
  start_cluster 1
  for each in 'kv-status' 'kv-ring' 'kv-explain k' 'kv-keyspace list'; do
    local code=0
    # shellcheck disable=SC2086 # Words.
    $each >/dev/full 2>err || code=$?
    assert_equal "$code" 8
  done
}
