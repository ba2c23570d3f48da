# shellcheck shell=bash
# What every .bats file loads: the assertion libraries, the programs, a directory of its own.
#
# Bats' `run` drops NULs and trailing newlines: where bytes matter, write to a file and use cmp.

for place in /usr/lib/bats /usr/share/bats /usr/lib; do
  if [[ -d $place/bats-support ]]; then
    load "$place/bats-support/load"
    load "$place/bats-assert/load"
    load "$place/bats-file/load"
    break
  fi
done

project=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
PATH=${KV_BIN:+$KV_BIN:$KV_BIN/bin:$KV_BIN/daemons:}$project/build/bin:$project/build/daemons:$project/scripts:$PATH
export PATH

# No setting of the person who runs the tests may reach them.
unset KV_CONFIG KV_ENDPOINT KV_KEYSPACE KV_TIMEOUT KV_LOG_LEVEL KV_VALUE_BYTES_MAX KV_NODE_MEMORY KV_SESSION KV_KEY_FILE XDG_CONFIG_HOME
export HOME=$BATS_TEST_TMPDIR

# assert_exit CODE COMMAND…: runs it with stdout and stderr in files, and compares the exit code.
# Then `cmp - out` and `grep … err` see the bytes.
assert_exit() {
  local expected=$1 code=0
  shift
  "$@" >out 2>err || code=$?
  if [[ $code != "$expected" ]]; then
    printf 'exit %s, not %s, from: %s\nstdout: %s\nstderr: %s\n' "$code" "$expected" "$*" \
      "$(head -c 2000 out | tr '\0' '@')" "$(head -c 2000 err)" >&2
    return 1
  fi
}

# assert_message TEXT: stderr of the last assert_exit is one line that holds TEXT.
assert_message() {
  if [[ $(wc -l <err) != 1 ]] || ! grep -qF -- "$1" err; then
    printf 'stderr is not one line with: %s\nbut: %s\n' "$1" "$(<err)" >&2
    return 1
  fi
}

# await SECONDS COMMAND…: until it succeeds. The one place in which tests pause.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "not in time: $*"
    read -r -t 0.05 <> <(:) || true
  done
}
