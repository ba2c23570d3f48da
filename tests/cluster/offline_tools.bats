#!/usr/bin/env bats
# kv-fsck, kv-sst and kv-log over the directory of a real kv-node that was killed: sound as it is, and
# with a bit flipped in each kind of file.

load setup

# One kv-node's directory for all tests of this file: with a table, and a log of several segments.
setup_file() {
  local i
  KV_CLUSTER_DIR=$(mktemp -d /tmp/kv-test.XXXXXX)
  export KV_CLUSTER_DIR
  cd "$BATS_FILE_TMPDIR" || return 1
  start_cluster 1
  for ((i = 0; i < 500; i++)); do printf 'key-%03d\tvalue %d\n' "$i" "$i"; done | kv-put --tsv
  kv-del key-007
  # A memtable is full at 64 MiB.
  head -c 1000000 /dev/zero | tr '\0' 'z' >big
  for ((i = 0; i < 70; i++)); do printf 'big-%02d\0%s\0' "$i" "$(<big)"; done | kv-put -0
  await 30 compgen -G "$KV_CLUSTER_DIR/member-1/data/node/*.sst"
  kv-put last word
  kv-cluster kill 1
  cp -r "$KV_CLUSTER_DIR/member-1/data" killed
  kv-cluster down --purge
  rm -rf "$KV_CLUSTER_DIR"
}

setup() {
  # A cluster that is never made, for the teardown of all tests.
  export KV_CLUSTER_DIR=$BATS_TEST_TMPDIR/cluster
  cd "$BATS_TEST_TMPDIR" || return 1
  cp -r "$BATS_FILE_TMPDIR/killed/node" node
}

teardown() { :; }

# flip FILE OFFSET: changes a bit of the byte.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf '%b' "\\x$(printf %02x $((byte ^ 4)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# offset_of FILE BYTES: where they stand for the first time.
offset_of() { grep -abo -m 1 -- "$2" "$1" | head -n 1 | cut -d : -f 1; }

@test "kv-fsck: a killed node's directory is sound, and not a byte of it is changed" {
  find node -type f -exec md5sum {} + | sort >before
  assert_exit 0 kv-fsck node
  assert_file_empty err
  grep -qE '^node: nothing corrupt in [0-9]+ rows of metadata, 1 tables \([0-9]+ blocks, [0-9]+ entries\), [0-9]+ log segments' out
  find node -type f -exec md5sum {} + | sort | cmp - before
  # Nor need it be writable.
  chmod -R a-w node
  assert_exit 0 kv-fsck --json node
  chmod -R u+w node
  jq -e '.corrupt == 0 and .tables == 1 and .entries > 500 and .records > 60' out
  assert_exit 0 kv-fsck "$BATS_FILE_TMPDIR/killed/gossip"
}

@test "kv-fsck: a flipped bit of a table is named by file and block" {
  flip node/000001.sst 100
  assert_exit 6 kv-fsck node
  assert_equal "$(head -n 1 out)" \
    "node/000001.sst: offset 0: data block: the block's checksum does not match"
  assert_exit 6 kv-fsck --json node
  jq -e -s '.[0] == {finding: "corrupt", file: "node/000001.sst", offset: 0,
    what: "data block: the block'"'"'s checksum does not match"} and .[1].corrupt == 1' out
  cp "$BATS_FILE_TMPDIR/killed/node/000001.sst" node
  local size
  size=$(stat -c %s node/000001.sst)
  flip node/000001.sst $((size - 1))
  assert_exit 6 kv-fsck node
  grep -q "^node/000001.sst: offset $((size - 80)): the footer is not that of a table" out
}

@test "kv-fsck: a flipped bit of the log is named by file and record" {
  local segment offset
  segment=$(grep -la big-65 node/*.log | head -n 1)
  offset=$(offset_of "$segment" big-65)
  flip "$segment" "$((offset + 1000))"
  assert_exit 6 kv-fsck node
  grep -qE "^$segment: offset [0-9]+: durable log records of the sequences [0-9]+ to [0-9]+ are damaged" out
  # The offset is that of the record, not far before the key.
  local told
  told=$(sed -nE "1s/.*offset ([0-9]+).*/\1/p" out)
  ((told < offset && told > offset - 200))
}

@test "kv-fsck: a flipped bit of the metadata is named by file, table and key" {
  local offset
  offset=$(offset_of node/meta.sqlite kv-node)
  flip node/meta.sqlite "$offset"
  assert_exit 6 kv-fsck node
  grep -q '^node/meta.sqlite: table identity: key `daemon`: its checksum fails$' out
  # What hangs on no damaged row is verified all the same.
  grep -q ' 1 tables ' out
}

@test "kv-fsck: missing files are found, leftovers are notes" {
  cp node/000001.sst node/000099.sst
  touch node/notes.txt
  assert_exit 0 kv-fsck node
  grep -q '^note: node/000099.sst: a table that the manifest does not name' out
  grep -q '^note: node/notes.txt: not a file of kv$' out
  rm node/000001.sst
  assert_exit 6 kv-fsck node
  grep -q '^node/000001.sst: the file is missing, and the manifest names it$' out
  rm node/meta.sqlite
  assert_exit 6 kv-fsck node
  grep -q '^node/meta.sqlite: the file is missing, and data is there$' out
  cp "$BATS_FILE_TMPDIR/killed/node/"{meta.sqlite,000001.sst} node
  truncate -s 100 node/000001.sst
  assert_exit 6 kv-fsck node
}

@test "kv-fsck: usage, what is no directory of kv, what cannot be read" {
  assert_exit 2 kv-fsck
  assert_exit 2 kv-fsck node more
  mkdir empty
  assert_exit 2 kv-fsck empty
  assert_message 'kv-fsck: empty: not a data directory of kv: it has no meta.sqlite'
  assert_exit 8 kv-fsck nowhere
  assert_exit 8 kv-fsck node/meta.sqlite
  local code=0
  kv-fsck node >/dev/full 2>err || code=$?
  assert_equal "$code" 8
}

@test "kv-fsck: a directory whose daemon runs is refused; the next start finds what it left" {
  exec {lock}<node/LOCK
  flock -x "$lock"
  assert_exit 2 kv-fsck node
  assert_message 'another process holds its LOCK file'
  exec {lock}<&-
  rm node/LOCK
  assert_exit 0 kv-fsck node
  assert_file_not_exist node/LOCK
}
