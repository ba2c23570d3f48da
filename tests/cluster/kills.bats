# What nobody may lose: acknowledged puts, while daemons of every kind die by SIGKILL under load.
#
# KV_KILL_ROUNDS (20) and KV_KILL_SEED (1) make it longer or another.

load setup

# Puts batches of unique keys until $work/stop is there. Of each batch the pairs that were not
# rejected are acknowledged: they go to $work/acknowledged, in the order of their keys.
write_until_stopped() {
  local batch=0 i
  while [[ ! -e $work/stop ]]; do
    batch=$((batch + 1))
    for ((i = 0; i < 100; i++)); do
      printf 'key-%06d-%03d\tvalue %d of batch %d\n' "$batch" "$i" "$i" "$batch"
    done >"$work/batch"
    kv-put --tsv --timeout 20s --rejects "$work/rejects" <"$work/batch" 2>>"$work/put.log" || true
    jq -r .key "$work/rejects" >"$work/rejected"
    awk -F '\t' 'FILENAME == ARGV[1] { rejected[$1]; next } !($1 in rejected)' "$work/rejected" \
      "$work/batch" >>"$work/acknowledged"
    printf '%d\n' "$batch" >"$work/batches"
  done
}

@test "SIGKILL of a random daemon, round after round under load, loses no acknowledged put" {
  local daemons=(kv-node kv-gossip kv-coordinator kv-repair)
  local round member daemon writer before deadline
  start_cluster 3
  local work=$BATS_TEST_TMPDIR
  RANDOM=${KV_KILL_SEED:-1}
  write_until_stopped &
  writer=$!
  for ((round = 1; round <= ${KV_KILL_ROUNDS:-20}; round++)); do
    member=$((RANDOM % 3 + 1))
    daemon=${daemons[RANDOM % 4]}
    kv-cluster kill "$member" "$daemon"
    # At least two batches are written while it is away, however long that takes.
    before=$(cat "$work/batches" 2>/dev/null || echo 0)
    deadline=$((SECONDS + 60))
    until (($(cat "$work/batches" 2>/dev/null || echo 0) >= before + 2)); do
      ((SECONDS < deadline)) || fail "no batch was written with $daemon of member $member killed"
      read -r -t 0.05 <> <(:) || true
    done
    kv-cluster start "$member" "$daemon"
  done
  touch "$work/stop"
  wait "$writer"
  kv-wait --settled --timeout 60s
  kv-scan --tsv --prefix key- >"$work/found"
  sort "$work/acknowledged" >"$work/expected"
  # Everything acknowledged is there with its bytes; what was unknown may be, too.
  comm -23 "$work/expected" <(sort "$work/found") >"$work/lost"
  [[ ! -s $work/lost ]] || fail "lost: $(head -n 3 "$work/lost")"
  local count
  count=$(wc -l <"$work/expected")
  ((count > 500)) || fail "only $count puts were acknowledged"
  echo "# $count acknowledged puts, all there after ${KV_KILL_ROUNDS:-20} kills" >&3
}

@test "members wiped one after the other are refilled, and the map can still be changed" {
  start_cluster 3
  local member i
  for ((i = 0; i < 300; i++)); do printf 'k%03d\tvalue %d\n' "$i" "$i"; done >pairs
  kv-put --tsv <pairs
  for member in 2 3; do
    kv-cluster kill "$member"
    kv-cluster wipe "$member"
    kv-cluster start "$member"
    kv-wait --settled --timeout 60s
    # The voters knew that its directory was behind.
    kv-cluster log "$member" kv-node | grep -q data_lost || fail "member $member lost its disk unseen"
  done
  # Both stores of voters that were lost are named in the map again: a majority may vote.
  kv-keyspace create later --timeout 20s
  kv-cluster kill 1
  kv-scan --tsv --r 1 >found
  cmp pairs found
}
