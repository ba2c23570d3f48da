#!/usr/bin/env bats
# What is refused, how it is said, with which exit code; and that nothing is lost by it.

load setup

# What a failed test left mounted would keep the cluster's directory from being removed.
eval "cluster_$(declare -f teardown)"
teardown() {
  local mounted
  if [[ -d $KV_CLUSTER_DIR/other ]]; then
    KV_CLUSTER_DIR=$KV_CLUSTER_DIR/other kv-cluster down
  fi
  kv-cluster down
  while read -r _ mounted _; do
    if [[ $mounted == "$KV_CLUSTER_DIR"/* ]]; then
      umount "$mounted"
    fi
  done </proc/mounts
  cluster_teardown
}

# refused TEXT COMMAND…: a daemon that ends at once with exit 2, saying TEXT.
refused() {
  local text=$1
  shift
  assert_exit 2 timeout 20 "$@"
  grep -qF -- "$text" err || fail "not said: $text but: $(<err)"
}

member_config() {
  printf '%s/kv.toml\n' "$(kv-cluster dir "$1")"
}

@test "keys: empty, and over 1 KiB" {
  start_cluster 3
  local long largest
  long=$(printf 'x%.0s' {1..1025})
  largest=${long:1}
  for key in '' "$long"; do
    assert_exit 2 kv-put "$key" v
    assert_exit 2 kv-get "$key"
    assert_exit 2 kv-del "$key"
  done
  assert_message 'over the limit of 1024'
  kv-put "$largest" v
  assert_equal "$(kv-get "$largest")" v
  printf 'a\0one\0\0two\0%s\0three\0b\0four\0' "$long" >pairs
  assert_exit 2 kv-put -0 --rejects rejects <pairs
  grep -q 'read 4, stored 2, rejected 2' err
  assert_equal "$(jq -s 'map(.record) | tostring' rejects)" '"[2,3]"'
  assert_equal "$(kv-get a)$(kv-get b)" onefour
}

@test "no key, and no time: said in plain words" {
  start_cluster 1
  assert_exit 2 kv-put '' v
  assert_message "kv-put: '': invalid: a key must not be empty"
  assert_exit 2 kv-get ''
  assert_message 'kv-get: a key has 1 to 1024 bytes, not 0'
  assert_exit 3 kv-get k --timeout 0s
  assert_message 'kv-get: k: unavailable: there was no time to try'
}

@test "a larger limit of values, by kv.toml" {
  start_cluster 1
  kv-cluster stop 1
  sed -i '1i value_bytes_max = "3MiB"' "$(member_config 1)"
  kv-cluster start 1
  head -c $((3 << 20)) /dev/urandom >value
  kv-put k <value
  kv-get k | cmp - value
  printf x >>value
  assert_exit 2 kv-put k <value
  assert_message 'over the limit of 3145728'
  # A stream has the limit of the command's own settings.
  { printf 'k\t' && head -c $((2 << 20)) /dev/zero | tr '\0' x && printf '\n'; } >lines
  assert_exit 2 kv-put --tsv <lines
  assert_exit 0 env KV_VALUE_BYTES_MAX=3MiB kv-put --tsv <lines
  kv-scan --tsv | cmp - lines
}

# byte NUMBER: that byte.
byte() {
  printf '%b' "\\x$(printf %x "$1")"
}

@test "what a stream could not store is stored from its rejects, byte for byte" {
  start_cluster 3
  local i
  for ((i = 0; i < 256; i++)); do
    printf '{"key":"k%d","value_b64":"%s"}\n' "$i" "$(byte "$i" | base64)"
  done >lines
  kv-cluster kill 3
  local code=0
  kv-put --jsonl --w 3 --strict --timeout 1s --rejects rejects <lines 2>err || code=$?
  [[ $code == 3 || $code == 4 ]] || fail "exit $code: $(<err)"
  assert_equal "$(wc -l <rejects)" 256
  kv-cluster start 3
  kv-wait --ready
  assert_exit 0 kv-put --jsonl --w 3 --strict <rejects
  for i in 0 10 65 128 255; do
    kv-get "k$i" | cmp - <(byte "$i")
  done
  assert_equal "$(kv-scan --keys | wc -l)" 256
}

@test "values: over 1 MiB, by every way" {
  start_cluster 3
  head -c 1048577 /dev/zero >long
  assert_exit 2 kv-put k <long
  assert_message 'over the limit of 1048576'
  assert_exit 2 kv-put --file long k
  { printf 'a\tone\nlong\t' && tr '\0' x <long && printf '\nb\ttwo\n'; } >lines
  assert_exit 2 kv-put --tsv --rejects rejects <lines
  grep -q 'read 3, stored 2, rejected 1' err
  assert_equal "$(jq .record rejects)" 2
  assert_exit 1 kv-get k
  assert_equal "$(kv-scan --keys | paste -sd ' ')" 'a b'
}

@test "an unknown keyspace; R and W above N, or none at all" {
  start_cluster 3
  for each in 'kv-put k v' 'kv-get k' 'kv-del k' 'kv-scan'; do
    # shellcheck disable=SC2086 # Words.
    assert_exit 2 $each --keyspace nowhere
    assert_message 'no keyspace nowhere'
  done
  for number in 0 4 8 255 300 x -1; do
    assert_exit 2 kv-put --w "$number" k v
    assert_exit 2 kv-del --w "$number" k
    assert_exit 2 kv-get --r "$number" k
    assert_exit 2 kv-scan --r "$number"
  done
  printf 'k\tv\n' >lines
  assert_exit 2 kv-put --tsv --keyspace nowhere <lines
  assert_exit 2 kv-put --tsv --w 4 <lines
  assert_exit 1 kv-get k
}

@test "malformed lines in mid-pipe: the good ones stored, the bad ones in --rejects, exit 2" {
  start_cluster 3
  printf 'a\tone\nno tab\n\tempty\nx\\q\tv\nb\tt\twice\nc\ttwo\n' >lines
  assert_exit 2 kv-put --tsv --rejects rejects <lines
  grep -q 'read 6, stored 2, rejected 4' err
  assert_equal "$(jq -s -c 'map(.record)' rejects)" '[2,3,4,5]'
  jq -e -s 'all(.reason != "")' rejects >/dev/null
  jq -r .raw rejects | cmp - <(sed -n 2,5p lines)
  kv-scan --tsv | cmp - <(printf 'a\tone\nc\ttwo\n')
  {
    printf '{"key":"j1","value":"v"}\n{"key":"j2"}\n{"key":"j3","value":7}\nnot json\n'
    printf '{"key":"j4","value_b64":"*"}\n{"key":"j5","value":"v","context":"junk"}\n'
    printf '{"key":"j6","value":"v"}\n'
  } >lines
  assert_exit 2 kv-put --jsonl --rejects rejects <lines
  grep -q 'read 7, stored 2, rejected 5' err
  assert_equal "$(jq -s -c 'map(.record)' rejects)" '[2,3,4,5,6]'
  assert_equal "$(kv-scan --keys --prefix j | paste -sd ' ')" 'j1 j6'
  # Blank lines count, so that an editor finds the line.
  printf '\n{"key":"j7","value":"v"}\n\n{"key":"j8","value":"v","context":"junk"}\n' >lines
  assert_exit 2 kv-put --jsonl --rejects rejects <lines
  grep -q '^kv-put: line 4: context: ' err
  assert_equal "$(jq .record rejects)" 4
  # A value that no NUL ends may have lost its tail.
  printf 'n1\0v\0n2\0cut' >pairs
  assert_exit 2 kv-put -0 --rejects rejects <pairs
  grep -q 'the input ends within a value' rejects
  assert_equal "$(kv-scan --keys --prefix n)" n1
}

@test "no coordinator listening: exit 3, with the endpoints that were tried" {
  export KV_ENDPOINT=ipc://$BATS_TEST_TMPDIR/none-1,ipc://$BATS_TEST_TMPDIR/none-2
  for each in 'kv-put k v' 'kv-get k' 'kv-del k' 'kv-scan'; do
    # shellcheck disable=SC2086 # Words.
    assert_exit 3 timeout 10 $each --timeout 500ms
    assert_message "$BATS_TEST_TMPDIR/none-1"
    assert_message "$BATS_TEST_TMPDIR/none-2"
    assert_message ': unavailable: tried '
    # Each once.
    assert_equal "$(grep -o 'none-[12]' err | paste -sd ' ')" 'none-1 none-2'
  done
  printf 'k\tv\n' >lines
  assert_exit 3 timeout 10 kv-put --tsv --timeout 500ms <lines
  grep -q none-2 err
}

# as_stranger COMMAND…: as a user to whom the socket of somebody else is closed.
as_stranger() {
  if [[ $(id -u) == 0 ]]; then
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all -- "$@"
  else
    "$@"
  fi
}

@test "endpoints that can never work end at once: exit 7 if one is denied, else 2" {
  local command place=$BATS_TEST_TMPDIR
  local far=tcp://10.0.0.1:7003 directory=ipc:///dir/
  for command in 'kv-put k v' 'kv-get k' 'kv-get -0 k j' 'kv-del k' 'kv-scan' 'kv-status' \
    'kv-keyspace list' 'kv-wait --ready'; do
    # shellcheck disable=SC2086 # Words.
    KV_ENDPOINT=$far assert_exit 7 timeout 20 $command --timeout 60s
    grep -qF 'unencrypted connections stay on this host' err
    # shellcheck disable=SC2086 # Words.
    KV_ENDPOINT=$directory assert_exit 2 timeout 20 $command --timeout 60s
    grep -qF 'the path names a directory' err
    # shellcheck disable=SC2086 # Words.
    KV_ENDPOINT=$directory,$far assert_exit 7 timeout 20 $command --timeout 60s
    grep -qF "$directory" err
    # What may come to life yet is waited for.
    if [[ $command != kv-wait* ]]; then
      # shellcheck disable=SC2086 # Words.
      KV_ENDPOINT=$far,ipc://$place/none assert_exit 3 timeout 20 $command --timeout 300ms
    fi
  done
  printf 'a\0v\0b\0v\0' >pairs
  KV_ENDPOINT=$far assert_exit 7 timeout 20 kv-put -0 --timeout 60s <pairs
  grep -q 'read 2, stored 0, rejected 2' err
}

@test "a coordinator's socket without permission: exit 7 at once" {
  start_cluster 1
  # The way to the socket is open to all, and so is a program.
  chmod 755 "$KV_CLUSTER_DIR" "$(kv-cluster dir 1)"
  local put=$KV_CLUSTER_DIR/kv-put
  cp "$(command -v kv-put)" "$put"
  as_stranger "$put" --version >out || skip 'a stranger may not run a program here'
  [[ $(id -u) == 0 ]] || chmod 0 "${KV_ENDPOINT#ipc://}"
  SECONDS=0
  assert_exit 7 as_stranger "$put" --timeout 60s k v
  ((SECONDS < 20)) || fail "it took $SECONDS s"
  assert_message 'Permission denied'
}

@test "a configuration with an unknown name or a wrong type: file and line, exit 2" {
  printf '# A comment.\n[client]\ntimeout = 5\n' >type.toml
  printf 'member = 1\nmembre = 2\n' >name.toml
  for program in kv-get kv-node kv-gossip kv-coordinator kv-repair; do
    local key=
    [[ $program != kv-get ]] || key=k
    refused type.toml:3: "$program" --config type.toml ${key:+"$key"}
    refused name.toml:2: "$program" --config name.toml ${key:+"$key"}
  done
}

@test "usage: unknown options, contradictions, missing arguments" {
  local contradiction
  for program in kv-put kv-get kv-del kv-scan kv-init kv-node; do
    assert_exit 2 "$program" --no-such-option
    grep -q -- --no-such-option err
  done
  for contradiction in 'kv-put' 'kv-put a b c' 'kv-put --tsv -0' 'kv-put --tsv k' \
    'kv-put --sibling --context c k v' 'kv-put --rejects r k v' 'kv-put --ttl 0s k v' \
    'kv-put --file f k v' 'kv-get' 'kv-del' 'kv-del -0 k' 'kv-scan --siblings' \
    'kv-del --jsonl k' 'kv-del -0 --jsonl' \
    'kv-scan --tsv -0' 'kv-scan --limit x' 'kv-scan k' 'kv-del --rejects r k' 'kv-del --resume r k' \
    'kv-get -0 --tsv k' 'kv-get --jsonl --tsv k' 'kv-get -0 --jsonl k' 'kv-get --siblings --tsv k' \
    'kv-get --meta --tsv k'; do
    # shellcheck disable=SC2086 # Words.
    assert_exit 2 $contradiction --endpoint "ipc://$BATS_TEST_TMPDIR/none" </dev/null
    assert_equal "$(wc -c <out)" 0
  done
}

@test "files that are not there, or are not what they should be" {
  start_cluster 1
  kv-put k v
  : >empty
  assert_exit 8 kv-put --file nothing k
  assert_message 'nothing: '
  assert_exit 8 kv-put --file / k
  assert_exit 8 kv-put --context nothing k w
  assert_exit 8 kv-put --tsv --rejects /no/where <empty
  assert_exit 8 kv-put --tsv --resume /no/where <empty
  assert_exit 8 kv-get --context-to /no/where k
  echo junk >junk
  assert_exit 2 kv-put --context junk k w
  assert_exit 2 kv-put --tsv --resume junk <empty
  assert_equal "$(<junk)" junk
  assert_equal "$(kv-get k)" v
}

@test "--resume beyond the end of the input: exit 2, and its file stays" {
  start_cluster 1
  printf '%s\tv\n' a b >lines
  assert_exit 0 kv-put --tsv --resume position <lines
  assert_exit 0 kv-put --tsv --resume position <lines
  printf '%s\tv\n' c >lines
  assert_exit 2 kv-put --tsv --resume position <lines
  assert_message 'position: 2 records are settled, and the input has only 1'
  assert_equal "$(<position)" 2
  assert_exit 2 kv-del -0 --resume position </dev/null
  assert_equal "$(kv-scan --keys | paste -sd ' ')" 'a b'
}

@test "stdout full or closed is exit 8" {
  [[ -e /dev/full ]] || skip 'no /dev/full'
  start_cluster 1
  kv-put k v
  for each in 'kv-get k' 'kv-get --tsv k' 'kv-scan' 'kv-get --jsonl k'; do
    local code=0
    # shellcheck disable=SC2086 # Words.
    $each >/dev/full 2>err || code=$?
    assert_equal "$code" 8
    code=0
    # shellcheck disable=SC2086 # Words.
    $each >&- 2>err || code=$?
    assert_equal "$each $code" "$each 8"
  done
}

@test "a daemon on a directory or an endpoint in use, or of another member, is refused" {
  start_cluster 2
  for daemon in kv-node kv-gossip kv-coordinator kv-repair; do
    refused 'another process' "$daemon" --config "$(member_config 1)"
  done
  sed 's/member-1/member-2/' "$(member_config 1)" >other.toml
  kv-cluster stop 2
  for daemon in kv-node kv-gossip; do
    refused 'the directory of member 2, not of member 1' "$daemon" --config other.toml
  done
  # None of that did harm.
  kv-cluster start 2
  assert_exit 0 kv-put k v --w 2
}

@test "a directory of a newer format is refused, and left as it is" {
  start_cluster 1
  kv-put k v
  kv-cluster stop 1
  local meta
  meta=$(kv-cluster dir 1)/data/node/meta.sqlite
  # The row base's own format; a row of it cannot be edited, as each has a checksum.
  add_to_format() {
    python3 - "$meta" "$1" <<'PYTHON'
import sqlite3, sys
base = sqlite3.connect(sys.argv[1])
(version,) = base.execute("pragma user_version").fetchone()
base.execute(f"pragma user_version = {version + int(sys.argv[2])}")
base.commit()
PYTHON
  }
  add_to_format 1
  refused 'this program knows up to' kv-node --config "$(member_config 1)"
  add_to_format -1
  kv-cluster start 1
  assert_exit 0 kv-get k
  assert_equal "$(<out)" v
}

@test "a directory whose identity is of a newer format is refused, and left as it is" {
  local put_meta_row=${KV_BIN:-$project/build}/tests/kit/put_meta_row
  [[ -x $put_meta_row ]] || skip 'put_meta_row is not built'
  start_cluster 1
  kv-put k v
  kv-cluster stop 1
  local data
  data=$(kv-cluster dir 1)/data
  for daemon in node gossip; do
    "$put_meta_row" "$data/$daemon/meta.sqlite" identity format 2
    refused "$data/$daemon: written in format 2 by a newer version; this one knows up to 1" \
      "kv-$daemon" --config "$(member_config 1)"
    "$put_meta_row" "$data/$daemon/meta.sqlite" identity format 1
  done
  kv-cluster start 1
  assert_exit 0 kv-get k
  assert_equal "$(<out)" v
}

# swap ONE OTHER: each directory in the other's place.
swap() {
  mv "$1" "$1.away"
  mv "$2" "$1"
  mv "$1.away" "$2"
}

@test "a directory of another cluster is not served from, and is left as it is" {
  start_cluster 1
  local here other=$KV_CLUSTER_DIR/other
  here=$(kv-cluster dir 1)/data/node
  kv-put k here
  # Its directory is within this one's: the teardown takes away both.
  KV_CLUSTER_DIR=$other kv-cluster up 1
  KV_ENDPOINT=$(KV_CLUSTER_DIR=$other bash -c 'eval "$(kv-cluster env)"; echo "$KV_ENDPOINT"') \
    kv-put k there
  local there
  there=$(KV_CLUSTER_DIR=$other kv-cluster dir 1)/data/node
  kv-cluster stop 1
  KV_CLUSTER_DIR=$other kv-cluster stop 1
  swap "$here" "$there"
  kv-cluster start 1 || true
  assert_exit 3 kv-get --timeout 2s k
  assert_equal "$(wc -c <out)" 0
  kv-put --timeout 2s k lost 2>err && fail 'stored in the directory of another cluster'
  await 10 eval 'kv-cluster log 1 kv-node 2>&1 | grep -q "belongs to cluster"'
  await 10 eval '! kv-cluster pids | grep -q "^1 kv-node "'
  kv-cluster stop 1
  swap "$here" "$there"
  kv-cluster start 1
  assert_exit 0 kv-get k
  assert_equal "$(<out)" here
  KV_CLUSTER_DIR=$other kv-cluster start 1
  KV_ENDPOINT=$(KV_CLUSTER_DIR=$other bash -c 'eval "$(kv-cluster env)"; echo "$KV_ENDPOINT"') \
    assert_exit 0 kv-get k
  assert_equal "$(<out)" there
  KV_CLUSTER_DIR=$other kv-cluster down --purge
}

@test "a read-only directory: the daemon says so and ends" {
  unshare -m true 2>/dev/null || skip 'needs a mount namespace'
  start_cluster 1
  kv-put k v
  kv-cluster stop 1
  local data
  data=$(kv-cluster dir 1)/data
  # shellcheck disable=SC2016 # The inner shell's words.
  assert_exit 8 timeout 20 unshare -m sh -c \
    'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec kv-node --config "$2"' \
    sh "$data" "$(member_config 1)"
  grep -q 'Read-only file system' err
  kv-cluster start 1
  assert_exit 0 kv-get k
}

# fill_up: puts until one is refused; its exit code in $code.
fill_up() {
  local i
  for ((i = 0; i < 200; i++)); do
    code=0
    kv-put "fill-$i" --w 3 --timeout 2s <megabyte 2>err || code=$?
    if ((code != 0)); then
      return
    fi
  done
}

put_succeeds() {
  kv-put --w 3 --timeout 2s again v 2>err
}

@test "a full disk under one kv-node: writes are refused, reads go on, and room mends it" {
  start_cluster 3
  local data ballast code=0
  kv-cluster stop 3
  data=$(kv-cluster dir 3)/data
  mount -t tmpfs -o size=96m none "$data" 2>/dev/null || {
    kv-cluster start 3
    skip 'may not mount a tmpfs'
  }
  # The member's directory is another one now: empty, and refilled.
  kv-cluster start 3
  kv-wait --settled --timeout 60s
  kv-put k v --w 3
  ballast=$data/ballast
  head -c 48m /dev/zero >"$ballast"
  head -c 1m /dev/urandom >megabyte
  fill_up
  cp err refused.err
  local first=$code
  kv-get k --r 2 >value || true
  local two=0
  kv-put --w 2 other v 2>two.err || two=$?
  rm -f "$ballast"
  # No daemon has ended, and none is restarted: room alone mends it, as kv-node(8) has it.
  local recovered=0
  kv-cluster status >status || recovered=2
  await 40 put_succeeds || recovered=1
  kv-get k --r 3 >value-3 || true
  kv-get fill-0 --r 3 >fill-0 || true
  kv-cluster stop 3
  umount "$data"
  [[ $first == 3 || $first == 4 ]] || fail "exit $first with a full disk: $(<refused.err)"
  grep -qF 'member 3: no space left on the device' refused.err || fail "$(<refused.err)"
  assert_equal "$(<value)" v
  assert_equal "$two" 0
  assert_equal "$recovered" 0
  assert_equal "$(<value-3)" v
  cmp fill-0 megabyte
  # The member's log says why.
  kv-cluster log 3 kv-node | grep -q 'No space left on device'
}
