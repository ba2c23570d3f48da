#!/usr/bin/env bats
# What every command shares, seen through kv-config: options, settings, exit codes, output.

setup() {
  load setup
  cd "$BATS_TEST_TMPDIR"
}

@test "default < file < environment < flag" {
  assert_exit 0 kv-config client.timeout
  printf 'client.timeout\t5s\tdefault\n' | cmp - out
  printf '[client]\ntimeout = "4s"\n' >kv.toml
  export KV_CONFIG=$PWD/kv.toml
  assert_exit 0 kv-config client.timeout
  printf 'client.timeout\t4s\t%s:2\n' "$KV_CONFIG" | cmp - out
  KV_TIMEOUT=3s assert_exit 0 kv-config client.timeout
  printf 'client.timeout\t3s\tKV_TIMEOUT\n' | cmp - out
  KV_TIMEOUT=3s assert_exit 0 kv-config --timeout 2s client.timeout
  printf 'client.timeout\t2s\t--timeout\n' | cmp - out
}

@test "the file at home is found, and its absence is no fault" {
  assert_exit 0 kv-config
  mkdir -p .config/kv
  printf 'member = 7\n' >.config/kv/kv.toml
  assert_exit 0 kv-config member
  printf 'member\t7\t%s/.config/kv/kv.toml:1\n' "$HOME" | cmp - out
}

@test "a file that is named must be there" {
  assert_exit 8 kv-config --config nowhere.toml
  assert_message "kv-config: nowhere.toml: No such file or directory"
  KV_CONFIG=nowhere.toml assert_exit 8 kv-config
  mkdir directory
  assert_exit 8 kv-config --config directory
}

@test "an unknown name or a wrong type says which file and line" {
  printf 'member = 1\n[node]\nendpiont = "ipc:///a"\n' >a.toml
  assert_exit 2 kv-config --config a.toml
  assert_message "a.toml:3: unknown setting endpiont in [node]"
  printf '\nmember = "one"\n' >b.toml
  assert_exit 2 kv-config --config b.toml
  assert_message "b.toml:2: member must be a whole number"
  printf 'member = = 1\n' >c.toml
  assert_exit 2 kv-config --config c.toml
  assert_message "c.toml:1: "
  head -c 100000 /dev/urandom >d.toml
  assert_exit 2 kv-config --config d.toml
  assert_message "d.toml:"
}

@test "a malformed variable or flag is named" {
  KV_TIMEOUT=5 assert_exit 2 kv-config
  assert_message "KV_TIMEOUT: '5': needs a whole number and a unit"
  assert_exit 2 kv-config --endpoint pgm://x
  assert_message "--endpoint: 'pgm://x': an endpoint begins with ipc:// or tcp://"
}

@test "usage faults are exit 2 with one line on stderr" {
  assert_exit 2 kv-config --bogus
  assert_message "kv-config: unknown option --bogus"
  assert_exit 2 kv-config --json=yes
  assert_message "--json takes no value"
  assert_exit 2 kv-config --config
  assert_message "--config needs a value"
  assert_exit 2 kv-config no.such
  assert_message "kv-config: no.such: no such setting"
  assert_exit 2 kv-config -- --json
  assert_message "kv-config: --json: no such setting"
}

@test "--help and --version go to stdout" {
  assert_exit 0 kv-config --help
  grep -q '^usage: kv-config' out
  grep -q '^examples:' out
  assert_file_empty err
  assert_exit 0 kv-config --version
  grep -qE '^kv-config [0-9]+\.[0-9]+\.[0-9]+$' out
}

@test "a full disk is exit 8, a closed pipe ends quietly" {
  local code=0
  kv-config >/dev/full 2>err || code=$?
  assert_equal "$code" 8
  assert_equal "$(<err)" "kv-config: stdout: No space left on device"
  kv-config >&- 2>err || code=$?
  assert_equal "$code" 8
  # The reader is gone before the writer begins.
  { await 10 test -e gone; kv-config 2>err || echo $? >code; } | { exec <&-; touch gone; }
  assert_equal "$(<code)" 141
  assert_file_empty err
}

@test "--json is JSON Lines" {
  assert_exit 0 kv-config --json client.timeout member
  jq -e -s 'length == 2 and .[0] == {"name": "member"} and
    .[1] == {"name": "client.timeout", "value": "5s", "from": "default"}' out
}
