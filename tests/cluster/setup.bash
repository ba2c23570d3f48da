# shellcheck shell=bash
# A cluster for each test, in a directory of its own, and nothing left running afterwards whatever
# the test did. A socket's path must be short, so the directory is under /tmp.

# shellcheck source=tests/cli/setup.bash
source "$BATS_TEST_DIRNAME/../cli/setup.bash"

# start_cluster N [OPTION…]: up, and the shell set as `kv-cluster env` says.
start_cluster() {
  kv-cluster up "$@"
  eval "$(kv-cluster env)"
}

setup() {
  KV_CLUSTER_DIR=$(mktemp -d /tmp/kv-test.XXXXXX)
  export KV_CLUSTER_DIR
  cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
  local member daemon
  # A failed test is told by its logs.
  if [[ -z ${BATS_TEST_COMPLETED-} ]]; then
    for member in "$KV_CLUSTER_DIR"/member-*; do
      for daemon in "$member"/*.log; do
        if [[ -s $daemon ]]; then
          printf -- '--- the end of %s\n' "$daemon"
          tail -n 20 "$daemon"
        fi
      done
    done
  fi
  kv-cluster down --purge
  rm -rf "$KV_CLUSTER_DIR"
}
