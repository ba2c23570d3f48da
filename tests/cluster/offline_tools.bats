#!/usr/bin/env bats
# kv-fsck, kv-sst and kv-log over the directory of a real kv-node that was killed, and of one that was
# stopped: sound as it is, and with a bit flipped in each kind of file.

load setup

# A table's file is there before the manifest names it, and only then does the table count.
manifest_names_a_table() {
  /usr/bin/python3 - "$KV_CLUSTER_DIR/member-1/data/node/meta.sqlite" 2>/dev/null <<'END'
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
sys.exit(database.execute("SELECT count(*) FROM sstable").fetchone() == (0,))
END
}

# One kv-node's directory for all tests of this file: with a table, and a log of several segments.
setup_file() {
  local i
  KV_CLUSTER_DIR=$(mktemp -d /tmp/kv-test.XXXXXX)
  export KV_CLUSTER_DIR
  cd "$BATS_FILE_TMPDIR" || return 1
  start_cluster 1
  for ((i = 0; i < 500; i++)); do printf 'key-%03d\tvalue %d\n' "$i" "$i"; done | kv-put --tsv
  kv-del key-007
  # A memtable is full at 32 MiB.
  head -c 1000000 /dev/zero | tr '\0' 'z' >big
  for ((i = 0; i < 45; i++)); do printf 'big-%02d\0%s\0' "$i" "$(<big)"; done | kv-put -0
  await 30 manifest_names_a_table
  # A group each, so that the newest segment has several.
  for i in one two three; do kv-put "$i" word; done
  kv-put last word
  kv-cluster kill 1
  cp -r "$KV_CLUSTER_DIR/member-1/data" killed
  # A clean stop says that what the log has was durable.
  kv-cluster start 1
  kv-put stopped word
  kv-cluster stop 1
  cp -r "$KV_CLUSTER_DIR/member-1/data" stopped
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
  grep -qE '^node: nothing corrupt; rows of metadata [0-9]+, tables 1, blocks [0-9]+, entries [0-9]+, log segments [0-9]+, log records [0-9]+$' out
  find node -type f -exec md5sum {} + | sort | cmp - before
  # Nor need it be writable.
  chmod -R a-w node
  assert_exit 0 kv-fsck --json node
  chmod -R u+w node
  jq -e '.corrupt == 0 and .tables == 1 and .entries > 500 and .records > 20' out
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
  segment=$(grep -la big-40 node/*.log | head -n 1)
  offset=$(offset_of "$segment" big-40)
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
  grep -q ' tables 1, ' out
}

@test "kv-fsck: a transaction that a crash interrupted is rolled back in memory alone" {
  /usr/bin/python3 - <<'END' || true
import os, signal, sqlite3
database = sqlite3.connect("node/meta.sqlite", isolation_level=None)
for statement in ("PRAGMA journal_mode=PERSIST", "PRAGMA cache_size=1", "BEGIN IMMEDIATE",
                  "UPDATE identity SET value = x'00'"):
    database.execute(statement)
# More than the cache holds: pages are written before the commit that never comes.
database.executemany("INSERT INTO engine VALUES (?, ?, 0)", [(b"%d" % i, bytes(3000)) for i in range(99)])
os.kill(os.getpid(), signal.SIGKILL)
END
  find node -type f -exec md5sum {} + | sort >before
  assert_exit 0 kv-fsck node
  find node -type f -exec md5sum {} + | sort | cmp - before
  # It was there to be rolled back.
  rm node/meta.sqlite-journal
  assert_exit 6 kv-fsck node
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

@test "kv-fsck: after a clean stop the last log record may not be damaged, and is told once" {
  local segment offset
  cp -r "$BATS_FILE_TMPDIR/stopped/node" stopped
  assert_exit 0 kv-fsck stopped
  segment=$(kv-log --json stopped | jq -r -s 'max_by(.last).file')
  offset=$(kv-log --records --json "$segment" | jq -s '.[-1].offset')
  flip "$segment" $((offset + 45))
  assert_exit 6 kv-fsck stopped
  assert_equal "$(wc -l <out)" 2
  grep -q "^$segment: offset $offset: durable log records of the sequences" out
  assert_exit 6 kv-log --json stopped
  jq -e --arg file "$segment" 'select(.file == $file) | .end == "damaged"' out
  # Of a segment's header as well.
  flip "$segment" $((offset + 45))
  flip "$segment" 50
  assert_exit 6 kv-fsck stopped
  assert_equal "$(wc -l <out)" 2
  grep -q "^$segment: offset 0: the segment's header is damaged" out
}

@test "kv-fsck: what could not be looked at is not called sound" {
  ln -sf 000001.sst node/000001.sst # Not even root can open that.
  assert_exit 8 kv-fsck node
  assert_message '000001.sst'
  grep -q '^node: not verified 1; rows of metadata' out
  assert_exit 8 kv-fsck --json node
  jq -e '.corrupt == 0 and .unverified == 1' out
}

@test "kv-fsck: a file that opens and cannot be read is a finding" {
  rm node/000001.sst
  mkdir node/000001.sst
  assert_exit 6 kv-fsck node
  grep -q '^node/000001.sst: offset [0-9]*: footer: it cannot be read: ' out
}

@test "kv-fsck: where the metadata is damaged or another's, no file is called a leftover or passed over" {
  flip node/meta.sqlite "$(offset_of node/meta.sqlite 0000000000000001)"
  assert_exit 6 kv-fsck node
  grep -q '^note: node/meta.sqlite: manifest: rows are damaged: it is not known which tables are live$' out
  ! grep -q 'the next start removes it' out
  cp "$BATS_FILE_TMPDIR/killed/gossip/meta.sqlite" node
  assert_exit 6 kv-fsck node
  assert_equal "$(head -n 1 out)" \
    "node/meta.sqlite: it is a kv-gossip's, and a kv-node's data is there"
  printf '%08192d' 0 >node/meta.sqlite
  assert_exit 6 kv-fsck node
  assert_equal "$(head -n 1 out)" "node/meta.sqlite: file is not a database"
  grep -q '^note: node/meta.sqlite: tables and log were not verified' out
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

@test "kv-format(5) is enough to read a directory: every checksum, and every pair that was put" {
  local code=0
  "$project/tests/cluster/read_format.py" node >found 2>err || code=$?
  [[ $code != 77 ]] || skip "$(<found)"
  [[ $code == 0 ]] || fail "$(<err)"
  # 499 of 500 pairs, 45 large ones and four words.
  assert_equal "$(wc -l <found)" 548
  jq -r 'select(.bytes < 1000) | "\(.key_b64 | @base64d) \(.bytes)"' found | sort >pairs
  { for i in {0..499}; do printf 'key-%03d %d\n' "$i" "$((6 + ${#i}))"; done | grep -v key-007
    printf '%s 4\n' one two three last; } | sort | cmp - pairs
  flip node/000001.sst 100
  code=0
  "$project/tests/cluster/read_format.py" node >found 2>err || code=$?
  assert_equal "$code" 1
}

@test "kv-sst: properties, blocks and entries of a table, as text and as JSON" {
  cd node
  assert_exit 0 kv-sst 000001.sst
  grep -q $'^000001.sst\tproperty_checksum\txxh3-64$' out
  grep -q $'^000001.sst\tfilter_probes\t6$' out
  kv-sst --json 000001.sst >summary
  jq -e '.version == 3 and .sections >= 1 and .data_entries == (.property_entries | tonumber)' summary
  assert_exit 0 kv-sst --blocks --json 000001.sst
  # Every byte is in a block or in the footer.
  jq -e -s --argjson size "$(stat -c %s 000001.sst)" '(map(.bytes + 16) | add) + 80 == $size' out
  assert_exit 0 kv-sst --entries 000001.sst
  grep -qE $'^000001.sst\t[0-9]+\t.x01.x00.*key-123\t[0-9]+\tvalue\t[0-9]+$' out
  assert_exit 0 kv-sst --entries --values --json 000001.sst
  jq -e -s --slurpfile summary summary 'length == $summary[0].data_entries' out
  jq -r 'select(.key | endswith("key-123")) | .value_b64 | @base64d' out | grep -qa 'value 123'
  assert_exit 0 kv-sst --verify 000001.sst
  grep -qE '^000001.sst: sound; blocks [0-9]+, entries [0-9]+$' out
}

@test "kv-sst: what is damaged is named, the rest is shown, and no bytes crash it" {
  cd node
  flip 000001.sst 100
  assert_exit 6 kv-sst --verify 000001.sst
  assert_equal "$(head -n 1 out)" \
    "000001.sst: offset 0: data block: the block's checksum does not match"
  assert_exit 6 kv-sst --entries 000001.sst
  grep -q 'offset 0: data block' err
  grep -q key- out
  head -c 100000 /dev/urandom >random.sst
  : >empty.sst
  assert_exit 6 kv-sst --verify random.sst empty.sst
  assert_exit 8 kv-sst nowhere.sst
  assert_exit 2 kv-sst
  assert_exit 2 kv-sst --blocks --verify 000001.sst
  assert_exit 2 kv-sst --values 000001.sst
  local code=0
  kv-sst 000001.sst >/dev/full 2>err || code=$?
  assert_equal "$code" 8
}

@test "kv-log: segments, records and operations, and where the log ends" {
  assert_exit 0 kv-log node
  grep -qE $'^node/[0-9]+.log\t4194304\t[0-9]+\t[0-9]+\t[0-9]+\t[0-9]+\t[0-9]+\tclean$' out
  assert_exit 0 kv-log --json node
  jq -e -s 'all(.[]; .end == "clean" and .version == 2)' out
  local segment
  segment=$(jq -r -s 'max_by(.last).file' out)
  # A segment alone is read by the salt in its own header, or by the metadata's secret.
  assert_exit 0 kv-log --operations "$segment"
  # A record, and its Merkle leaf.
  tail -n 2 out | head -n 1 | grep -qE $'\tput\t.x01.*last\t[0-9]+$'
  tail -n 1 out | grep -qE $'\tput\t.x00.*\t10$'
  mv out alone
  assert_exit 0 kv-log --operations --meta node/meta.sqlite "$segment"
  cmp out alone
  assert_exit 0 kv-log --operations --values --json "$segment"
  jq -e -s '.[-1].operation == "put"' out
  jq -r -s '.[-2].value_b64' out | base64 -d | grep -qa word
  assert_exit 0 kv-log --records --json "$segment"
  jq -e -s '.[0].kind == "header" and .[0].offset == 0 and .[-1].kind == "batch"' out
  assert_exit 0 kv-log --verify node
  grep -qE '^node: sound; segments [0-9]+, records [0-9]+, last sequence [0-9]+$' out
}

@test "kv-log: a torn tail is no damage, and damage is no torn tail" {
  local segment offset
  segment=$(kv-log --json node | jq -r -s 'max_by(.last).file')
  # The last record, of which nobody can know that it had been synced.
  flip "$segment" "$(kv-log --records --json "$segment" | jq -s '.[-1].offset + 45')"
  assert_exit 0 kv-log --json node
  jq -e -s 'max_by(.last).end == "torn"' out
  assert_exit 0 kv-log --verify --json node
  jq -e -s '.[0].finding == "note" and .[1].findings == 0' out
  assert_exit 0 kv-fsck node
  grep -q "^note: $segment: offset [0-9]*: a torn tail" out
  # The first batch.
  offset=$(kv-log --records --json "$segment" | jq -s '.[1].offset')
  flip "$segment" $((offset + 45))
  assert_exit 6 kv-log --verify node
  grep -q "^$segment: offset $offset: durable log records of the sequences" out
  # Without its header a segment can be read by the directory's secret alone.
  flip "$segment" 50
  assert_exit 6 kv-log "$segment"
  assert_message 'no record, and no header of any segment'
  grep -q $'\tdamaged$' out
  assert_exit 6 kv-log --records --meta node/meta.sqlite "$segment"
  grep -q batch out
}

@test "kv-log: what is no kv-node's directory is refused, as kv-fsck does it" {
  local directory
  mkdir -p empty member/node
  for directory in empty member /etc; do
    assert_exit 2 kv-log --verify "$directory"
    assert_message "kv-log: $directory: not a data directory of kv: it has no meta.sqlite"
    assert_exit 2 kv-log "$directory"
  done
  assert_exit 2 kv-log --verify "$BATS_FILE_TMPDIR/killed/gossip"
  assert_message "a kv-gossip's directory, which has no log"
  assert_exit 2 kv-log --meta "$BATS_FILE_TMPDIR/killed/gossip/meta.sqlite" node
  assert_message "not a kv-node's: it has no rows of an engine"
  # Segments without their metadata are told, each by itself; but something is missing.
  rm node/meta.sqlite
  assert_exit 6 kv-log --verify node
  assert_equal "$(head -n 1 out)" 'node/meta.sqlite: the file is missing, and data is there'
  grep -qE '^node: findings 1; segments [0-9]+, records [0-9]+' out
}

@test "kv-log: usage, a running kv-node, and no bytes crash it" {
  assert_exit 2 kv-log
  assert_exit 2 kv-log --records --verify node
  assert_exit 2 kv-log --values node
  assert_exit 8 kv-log 000009.log
  assert_exit 8 kv-log --meta nowhere node
  head -c 100000 /dev/urandom >000001.log
  assert_exit 6 kv-log --verify 000001.log
  : >000002.log
  assert_exit 0 kv-log 000002.log
  assert_exit 2 kv-log node/LOCK
  assert_exit 8 kv-log nowhere
  assert_message 'nowhere: open: No such file or directory'
  exec {lock}<node/LOCK
  flock -x "$lock"
  assert_exit 2 kv-log node
  assert_message 'another process holds its LOCK file'
}
