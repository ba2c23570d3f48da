#!/usr/bin/env bats
# kv-cluster itself, with stand-ins for the daemons, so that it is tested without a build.

setup() {
  load setup
  cd "$BATS_TEST_TMPDIR"
  KV_CLUSTER_DIR=$(mktemp -d /tmp/kv-test.XXXXXX)/c
  KV_BIN=$BATS_TEST_TMPDIR/bin
  export KV_CLUSTER_DIR KV_BIN KV_CLUSTER_READY_SECONDS=20
  mkdir "$KV_BIN"
  local name
  for name in kv-node kv-gossip kv-coordinator kv-repair; do
    stand_in "$name"
  done
  printf '#!/bin/sh\necho "$@" >>%q\n' "$BATS_TEST_TMPDIR/init-arguments" >"$KV_BIN/kv-init"
  printf '#!/bin/sh\nexit 0\n' >"$KV_BIN/kv-wait"
  chmod +x "$KV_BIN"/*
}

teardown() {
  kv-cluster down --purge
  rm -rf "${KV_CLUSTER_DIR%/c}"
}

# A daemon that is ready at once, ends on SIGTERM, and says so in its log.
stand_in() {
  cat >"$KV_BIN/$1" <<'PROGRAM'
#!/usr/bin/env python3
import os, signal, sys
def ended(*_):
    print("ended", file=sys.stderr, flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, ended)
print("started", *sys.argv[1:], file=sys.stderr, flush=True)
print("descriptors", *sorted(os.listdir("/proc/self/fd")), file=sys.stderr, flush=True)
os.write(int(sys.argv[sys.argv.index("--ready-fd") + 1]), b"\n")
while True:
    signal.pause()
PROGRAM
  chmod +x "$KV_BIN/$1"
}

@test "up starts four daemons a member and returns when they are ready" {
  kv-cluster up 2
  assert_equal "$(kv-cluster pids | wc -l)" 8
  assert_exit 0 kv-cluster status
  assert_equal "$(kv-cluster pids | cut -d ' ' -f 1,2 | sort -u | wc -l)" 8
}

@test "kv-init gets every member's gossip endpoint and the partitions, once" {
  kv-cluster up 2 --partitions 16
  local d=$KV_CLUSTER_DIR
  assert_equal "$(cat init-arguments)" \
    "--member 1=ipc://$d/member-1/gossip --member 2=ipc://$d/member-2/gossip --partitions 16"
  kv-cluster down
  kv-cluster up 2 --partitions 16
  assert_equal "$(wc -l <init-arguments)" 1
}

@test "a second up, and an up of another shape, are refused" {
  kv-cluster up 1
  assert_exit 2 kv-cluster up 1
  assert_message "is up already"
  kv-cluster down
  assert_exit 2 kv-cluster up 2
  assert_message "holds another cluster"
}

@test "kill, stop, start, restart, pause and resume" {
  kv-cluster up 1
  local before after
  before=$(kv-cluster pids | grep kv-node)
  kv-cluster kill 1 kv-node
  assert_equal "$(kv-cluster pids | wc -l)" 3
  assert_exit 1 kv-cluster status
  kv-cluster start 1
  after=$(kv-cluster pids | grep kv-node)
  assert [ "$before" != "$after" ]
  kv-cluster restart 1 kv-node
  kv-cluster log 1 kv-node | grep -q '^ended'
  kv-cluster pause 1 kv-gossip
  assert_exit 1 kv-cluster status
  grep -q 'kv-gossip *paused' out
  kv-cluster resume 1 kv-gossip
  assert_exit 0 kv-cluster status
  kv-cluster pause 1 kv-gossip
  kv-cluster stop 1
  assert_equal "$(kv-cluster pids)" ""
}

@test "down leaves nothing running and the data; --purge removes it" {
  kv-cluster up 1
  local pids
  pids=$(kv-cluster pids | cut -d ' ' -f 3)
  touch "$(kv-cluster dir 1)/data/kept"
  kv-cluster down
  for pid in $pids; do
    # A zombie has ended; who reaps it is not kv-cluster's affair.
    run grep -q '^State:.[^Z]' "/proc/$pid/status"
    assert_failure
  done
  assert_file_exist "$KV_CLUSTER_DIR/member-1/data/kept"
  kv-cluster down --purge
  assert_file_not_exist "$KV_CLUSTER_DIR"
}

@test "a daemon that ignores SIGTERM is killed by down" {
  sed -i 's/^signal.signal.*/signal.signal(signal.SIGTERM, signal.SIG_IGN)/' "$KV_BIN/kv-repair"
  export KV_CLUSTER_STOP_SECONDS=1
  kv-cluster up 1
  kv-cluster down
  assert_equal "$(kv-cluster pids)" ""
}

@test "a daemon that ends at once makes up fail, say why, and leave nothing" {
  printf '#!/bin/sh\necho "no such luck" >&2\nexit 2\n' >"$KV_BIN/kv-node"
  assert_exit 3 kv-cluster up 1
  grep -q 'no such luck' err
  grep -q 'kv-node of member 1 ended before it was ready' err
  assert_equal "$(kv-cluster pids)" ""
}

@test "a daemon that is never ready makes up fail within the time" {
  printf '#!/bin/sh\nexec sleep 1000\n' >"$KV_BIN/kv-node"
  export KV_CLUSTER_READY_SECONDS=1
  assert_exit 3 kv-cluster up 1
  grep -q 'was not ready in 1 s' err
  assert_equal "$(kv-cluster pids)" ""
}

@test "a stranger with a remembered pid is left alone" {
  kv-cluster up 1
  kv-cluster kill 1 kv-node
  sleep 1000 &
  local stranger=$!
  printf '%s 12345\n' "$stranger" >"$KV_CLUSTER_DIR/member-1/kv-node.pid"
  kv-cluster down
  kill -0 "$stranger"
  kill "$stranger"
}

@test "daemons inherit no descriptor of the caller" {
  exec 7>"$BATS_TEST_TMPDIR/seven"
  kv-cluster up 1
  exec 7>&-
  # 4 is the listing's own.
  assert_equal "$(kv-cluster log 1 kv-node | grep descriptors)" "descriptors 0 1 2 3 4"
}

@test "data centres and hosts are in the labels" {
  kv-cluster up 3 --dc 2
  grep -q 'dc = "dc1", rack = "r1", host = "h1"' "$KV_CLUSTER_DIR/member-1/kv.toml"
  grep -q 'dc = "dc2", rack = "r1", host = "h2"' "$KV_CLUSTER_DIR/member-2/kv.toml"
  grep -q 'dc = "dc1", rack = "r1", host = "h3"' "$KV_CLUSTER_DIR/member-3/kv.toml"
}

@test "--tcp gives every daemon a loopback port of its own" {
  kv-cluster up 2 --tcp
  assert_equal "$(cat "$KV_CLUSTER_DIR"/member-*/kv.toml | grep -c '^endpoint = "tcp://127.0.0.1:')" 8
  assert_equal "$(cat "$KV_CLUSTER_DIR"/member-*/kv.toml | grep -o ':[0-9]*"' | sort -u | wc -l)" 8
}

@test "env is what a shell needs" {
  kv-cluster up 2
  eval "$(kv-cluster env)"
  assert_equal "$KV_ENDPOINT" \
    "ipc://$KV_CLUSTER_DIR/member-1/coordinator,ipc://$KV_CLUSTER_DIR/member-2/coordinator"
  assert_equal "$(command -v kv-coordinator)" "$KV_BIN/kv-coordinator"
}

@test "kv.toml is what kv-config reads" {
  command -v kv-config || skip "kv-config is not built"
  kv-cluster up 1 --dc 1
  assert_exit 0 kv-config --config "$KV_CLUSTER_DIR/member-1/kv.toml" member labels node.endpoint
  local file=$KV_CLUSTER_DIR/member-1/kv.toml
  printf '%s\t%s\t%s\n' member 1 "$file:2" labels dc=dc1,host=h1,rack=r1 "$file:4" \
    node.endpoint "ipc://$KV_CLUSTER_DIR/member-1/node" "$file:10" | cmp - out
}

@test "wipe works on a member that is down, and only then" {
  kv-cluster up 1
  touch "$(kv-cluster dir 1)/data/record"
  assert_exit 2 kv-cluster wipe 1
  assert_message "member 1 is not down"
  kv-cluster stop 1
  kv-cluster wipe 1
  assert_dir_exist "$KV_CLUSTER_DIR/member-1/data"
  assert_file_not_exist "$KV_CLUSTER_DIR/member-1/data/record"
}

@test "what is not there yet or not known is exit 2" {
  assert_exit 2 kv-cluster
  assert_exit 2 kv-cluster up
  assert_exit 2 kv-cluster up 0
  assert_exit 2 kv-cluster up 1 --netns
  assert_exit 2 kv-cluster up 1 --standby 1
  assert_exit 2 kv-cluster add
  assert_exit 2 kv-cluster pids
  kv-cluster up 1
  assert_exit 2 kv-cluster kill 2
  assert_exit 2 kv-cluster kill 1 kv-nothing
  assert_exit 2 kv-cluster log 1
}

@test "a directory too long for a socket is named" {
  KV_CLUSTER_DIR=$KV_CLUSTER_DIR/$(printf 'x%.0s' {1..100}) assert_exit 2 kv-cluster up 1
  assert_message "is too long for a socket: set KV_CLUSTER_DIR"
}

@test "two clusters live side by side" {
  kv-cluster up 1
  KV_CLUSTER_DIR=${KV_CLUSTER_DIR}2 kv-cluster up 1
  kv-cluster down
  KV_CLUSTER_DIR=${KV_CLUSTER_DIR}2 assert_exit 0 kv-cluster status
  KV_CLUSTER_DIR=${KV_CLUSTER_DIR}2 kv-cluster down --purge
}
