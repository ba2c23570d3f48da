#!/usr/bin/env bats
# What goes in comes out, byte for byte, by every way in and every way out, through real processes.

load setup

# every_byte FIRST LAST: the bytes from FIRST to LAST.
every_byte() {
  python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(int(sys.argv[1]), int(sys.argv[2]) + 1)))' "$@"
}

# key_is VALUE KEY: whether a get of KEY prints VALUE.
key_is() {
  [[ $(kv-get "$2" 2>/dev/null) == "$1" ]]
}

is_missing() {
  local code=0
  kv-get "$1" >/dev/null 2>&1 || code=$?
  ((code == 1))
}

# Makes siblings `mine` and `yours` under the key $1, by two writers that have seen the same.
make_siblings() {
  kv-put "$1" base
  kv-get --context-to context "$1" >/dev/null
  kv-put --context context "$1" mine
  kv-put --context context "$1" yours
}

@test "one value: from stdin, the argument and --file, byte for byte" {
  start_cluster 3
  head -c 100000 /dev/urandom >f
  kv-put blob <f
  kv-get blob | cmp - f
  kv-put blob-2 - <f
  kv-get blob-2 | cmp - f
  kv-put --file f blob-3
  kv-get blob-3 | cmp - f
  # A file may be a pipe.
  kv-put --file <(cat f) blob-4
  kv-get blob-4 | cmp - f
  every_byte 0 255 >bytes
  kv-put bytes <bytes
  assert_exit 0 kv-get bytes
  cmp out bytes
  assert_equal "$(wc -c <err)" 0
  kv-put argument $'a\nb\t\x01\xff'
  kv-get argument | cmp - <(printf 'a\nb\t\x01\xff')
  # A value that looks like an option, and a key that does.
  kv-put -- --file -v
  kv-get -- --file | cmp - <(printf -- -v)
  head -c 1048576 /dev/urandom >largest
  kv-put largest <largest
  kv-get largest | cmp - largest
}

@test "empty values are values" {
  start_cluster 3
  kv-put by-argument ''
  kv-put by-stdin </dev/null
  : >nothing
  kv-put --file nothing by-file
  printf 'nul\0\0' | kv-put -0
  printf 'tsv\t\n' | kv-put --tsv
  printf '{"key":"json","value":""}\n{"key":"json-b64","value_b64":""}\n' | kv-put --jsonl
  for key in by-argument by-stdin by-file nul tsv json json-b64; do
    assert_exit 0 kv-get "$key"
    assert_equal "$(wc -c <out)" 0
  done
  kv-scan -0 --prefix by-file | cmp - <(printf 'by-file\0\0')
}

@test "-0: every byte but NUL in keys and values, and what is printed is read again" {
  start_cluster 3
  python3 - >pairs <<'PYTHON'
import sys
out = sys.stdout.buffer
for byte in range(1, 256):
    out.write(bytes([byte]) + b"\0" + bytes([byte, 10, byte]) + b"\0")
out.write(bytes(range(1, 256)) + b"\0" + bytes(range(255, 0, -1)) + b"\0")
PYTHON
  kv-put -0 <pairs 2>err
  grep -qE '^kv-put: read 256, stored 256, rejected 0 in [0-9.]+ s \([0-9]+/s\)$' err
  kv-scan -0 >scanned
  # Sorted by the bytes of their keys, nothing lost or changed.
  python3 - <<'PYTHON'
def pairs(name):
    fields = open(name, "rb").read().split(b"\0")
    assert fields.pop() == b""
    return list(zip(fields[::2], fields[1::2]))
scanned = pairs("scanned")
assert scanned == sorted(pairs("pairs")), scanned
PYTHON
  kv-keyspace create copy >/dev/null
  kv-put -0 --keyspace copy <scanned 2>err
  kv-scan -0 --keyspace copy | cmp - scanned
  # And keys to kv-get and kv-del.
  kv-scan -0 --keys | kv-get -0 - | cmp - scanned
  kv-scan -0 --keys | kv-del -0 2>err
  assert_equal "$(kv-scan -0 | wc -c)" 0
  assert_equal "$(kv-scan -0 --keyspace copy | wc -c)" "$(wc -c <scanned)"
}

@test "--tsv: its escapes, both ways" {
  start_cluster 3
  printf 'tab\\tkey\tline\\n\\r\\\\ end\\0.\nplain\tvalue\n' >lines
  kv-put --tsv <lines 2>err
  kv-get $'tab\tkey' | cmp - <(printf 'line\n\r\\ end\0.')
  assert_exit 2 kv-scan -0 --prefix tab
  grep -q -- '--jsonl' err
  every_byte 0 255 >bytes
  kv-put bytes <bytes
  kv-scan --tsv >scanned
  kv-scan | cmp - scanned
  kv-keyspace create copy >/dev/null
  kv-put --tsv --keyspace copy <scanned 2>err
  kv-scan --tsv --keyspace copy | cmp - scanned
  kv-get --keyspace copy bytes | cmp - bytes
  assert_equal "$(wc -l <scanned)" 3
  kv-get --tsv plain | cmp - <(printf 'plain\tvalue\n')
}

@test "--jsonl: text, key_b64 and value_b64, both ways" {
  start_cluster 3
  {
    printf '{"key":"gr\\u00fc\\u00dfe","value":"\\ud83d\\ude00\\n\\u0000"}\n'
    printf ' {"value_b64":"AP8K","other":[{"key":1}],"key_b64":"/wA="}\r\n\n'
    printf '{"key":"plain","value":"text"}' # No newline at the end.
  } >lines
  kv-put --jsonl <lines 2>err
  grep -q 'read 3, stored 3, rejected 0' err
  kv-get grüße | cmp - <(printf '\xf0\x9f\x98\x80\n\0')
  every_byte 0 255 >bytes
  kv-put bytes <bytes
  kv-scan --jsonl >scanned
  jq -e -s 'length == 4 and all(has("key") or has("key_b64"))' scanned >/dev/null
  kv-keyspace create copy >/dev/null
  kv-put --jsonl --keyspace copy <scanned 2>err
  kv-scan --jsonl --keyspace copy | cmp - scanned
  kv-get --keyspace copy bytes | cmp - bytes
  printf '{"key_b64":"/wA="}\n{"key":"plain"}\n' | kv-get --jsonl - >out
  assert_equal "$(jq -r '.value_b64 // .value' out | paste -sd ' ')" 'AP8K text'
}

@test "kv-scan: prefix, from, to, limit, reverse, keys; across pages" {
  start_cluster 3
  seq -f 'k%05.0f' 1 2500 >keys
  awk '{ print $1 "\tvalue of " $1 }' keys | kv-put --tsv 2>err
  kv-put other x
  kv-scan --keys --prefix k | cmp - keys
  kv-scan --keys --prefix k --reverse | cmp - <(tac keys)
  kv-scan --keys | cmp - <(cat keys; echo other)
  kv-scan --keys --from k00010 --to k00013 | cmp - <(printf 'k0001%s\n' 0 1 2)
  kv-scan --keys --from k00010 --to k00013 --reverse | cmp - <(printf 'k0001%s\n' 2 1 0)
  kv-scan --keys --prefix k0001 --from k00018 | cmp - <(printf 'k0001%s\n' 8 9)
  kv-scan --keys --prefix k --limit 1777 | cmp - <(head -n 1777 keys)
  kv-scan --keys --prefix k --limit 1777 --reverse | cmp - <(tac keys | head -n 1777)
  kv-scan --keys --limit 0 | cmp - /dev/null
  kv-scan --keys --from x --to a | cmp - /dev/null
  kv-scan --keys --to '' | cmp - /dev/null
  kv-scan --tsv --prefix k02 --limit 1 | cmp - <(printf 'k02000\tvalue of k02000\n')
  kv-scan --keys -0 --prefix other | cmp - <(printf 'other\0')
  kv-scan --keys --jsonl --prefix other | cmp - <(printf '{"key":"other"}\n')
  # The last prefix of all: there is no key after it to end at.
  kv-put $'\xff\xff' last
  kv-put $'\xff' first
  kv-scan --tsv --prefix $'\xff' | cmp - <(printf '\xff\tfirst\n\xff\xff\tlast\n')
}

@test "two writers with one context: siblings, exit 5, and a put that resolves them" {
  start_cluster 3
  make_siblings cart
  assert_exit 5 kv-get cart
  assert_message '2 siblings'
  assert_equal "$(wc -c <out)" 0
  assert_exit 5 kv-scan
  assert_exit 5 kv-get --tsv cart
  assert_exit 0 kv-get --siblings cart
  assert_equal "$(jq -r .value out | sort | paste -sd ' ')" 'mine yours'
  assert_equal "$(jq -r .dot out | sort -u | wc -l)" 2
  assert_equal "$(jq -r .context out | sort -u | wc -l)" 1
  assert_equal "$(jq -r .key out | sort -u)" cart
  kv-scan --jsonl --siblings | cmp - out
  # A put over what nobody was shown would lose it: no context is saved, nor stays an older one.
  kv-get --siblings --context-to joined cart >out
  assert_exit 5 kv-get --context-to joined cart
  assert_exit 2 kv-put --context joined cart ours
  assert_message 'joined: is empty'
  kv-get --siblings --context-to joined cart >out
  kv-put --context <(cat joined) --context-to after cart ours
  assert_exit 0 kv-get cart
  assert_equal "$(<out)" ours
  # Its own context, from the put, is as good as one from a get.
  kv-put --context after cart next
  assert_equal "$(kv-get cart)" next
}

# saves_nothing CODE COMMAND…: it fails so, and leaves no older context in `ctx`.
saves_nothing() {
  echo kv1:older >ctx
  assert_exit "$@"
  assert_equal "$(<ctx)" ''
}

@test "--context-to: no older context stays where a get has failed; a failed put leaves it" {
  start_cluster 3
  kv-put k v
  for each in 'kv-get k' 'kv-get --jsonl k'; do
    # shellcheck disable=SC2086 # Words.
    saves_nothing 3 $each --context-to ctx --timeout 300ms --endpoint "ipc://$PWD/none"
    # shellcheck disable=SC2086 # Words.
    saves_nothing 2 $each --context-to ctx --keyspace nowhere
    [[ ! -e /dev/full ]] || saves_nothing 8 eval "$each --context-to ctx >/dev/full"
  done
  kv-get --context-to ctx k >out
  assert_exit 3 kv-put --context ctx --context-to ctx --timeout 300ms --endpoint "ipc://$PWD/none" k w
  assert_exit 0 kv-put --context ctx --context-to ctx k w
  assert_exit 0 kv-put --context ctx --context-to ctx k x
  assert_equal "$(kv-get k)" x
}

@test "--context-to: a pipe, and what cannot be written" {
  start_cluster 1
  kv-put k v
  kv-get --context-to >(cat >piped) k >out
  await 10 test -s piped
  kv-put --context piped --context-to >(cat >after) k w
  await 10 test -s after
  kv-put --context after k x
  # Before anything is stored.
  assert_exit 8 kv-put --context-to /no/where k lost
  assert_exit 8 kv-put --jsonl --rejects /no/where <<<'{"key":"k","value":"lost"}'
  assert_exit 8 kv-put --jsonl --resume /no/where <<<'{"key":"k","value":"lost"}'
  assert_equal "$(kv-get k)" x
}

@test "siblings resolved by a stream, with the context in each record" {
  start_cluster 3
  make_siblings a
  make_siblings b
  printf '%s\n' a b | while read -r key; do
    kv-get --siblings "$key" | jq -c -s '{key: .[0].key, context: .[0].context,
      value: (map(.value) | sort | join("+"))}'
  done >resolved
  kv-put --jsonl <resolved 2>err
  assert_equal "$(kv-get a)" mine+yours
  assert_equal "$(kv-get b)" mine+yours
}

@test "--sibling keeps what is there; kv-del --context leaves what it has not seen" {
  start_cluster 3
  kv-put k one
  kv-put --sibling k two
  assert_exit 0 kv-get --siblings k
  assert_equal "$(jq -r .value out | sort | paste -sd ' ')" 'one two'
  kv-put k three
  assert_equal "$(kv-get k)" three
  kv-get --context-to seen k >/dev/null
  kv-put --sibling k unseen
  kv-del --context seen k
  assert_equal "$(kv-get k)" unseen
  kv-del k
  assert_exit 1 kv-get k
  assert_message 'no such key'
  # A context of a deleted key is worth having, too: a put with it brings no sibling back.
  assert_exit 1 kv-get --context-to deleted k
  kv-put --context deleted k again
  assert_equal "$(kv-get k)" again
}

@test "kv-del: one, many, and what is not there" {
  start_cluster 3
  printf '%s\tv\n' a b c d | kv-put --tsv 2>err
  assert_exit 0 kv-del a
  assert_exit 0 kv-del a nothing b
  assert_equal "$(kv-scan --keys | paste -sd ' ')" 'c d'
  printf 'c\0nothing\0' | kv-del -0 2>err
  assert_equal "$(kv-scan --keys)" d
  kv-scan --tsv | cmp - <(printf 'd\tv\n')
}

@test "kv-del --jsonl: any key, and a context with each" {
  start_cluster 3
  printf '%s\n' '{"key":"a\u0000b","value":"v"}' '{"key_b64":"/w==","value":"v"}' \
    '{"key":"kept","value":"v"}' >lines
  kv-put --jsonl <lines 2>err
  assert_equal "$(kv-scan --keys --jsonl | wc -l)" 3
  head -n 2 lines | kv-del --jsonl 2>err
  grep -q 'read 2, stored 2, rejected 0' err
  kv-scan --jsonl | cmp - <(tail -n 1 lines)
  # What its context has not seen stays.
  kv-get --jsonl kept >seen
  kv-put --sibling kept unseen
  assert_exit 2 kv-del --jsonl --rejects rejects < <(cat seen; echo '{"key":"k","context":"junk"}')
  assert_equal "$(kv-get kept)" unseen
  assert_equal "$(jq -c '[.record, .key, .context]' rejects)" '[2,"k","junk"]'
}

@test "--ttl: there, then gone; --meta says when" {
  start_cluster 3
  kv-put --ttl 1h long v
  kv-put forever v
  assert_exit 0 kv-get --meta long forever
  jq -e -s 'def seconds: .[:19] + "Z" | fromdate;
    .[0].size == 1 and .[1].expiry == null and
    (.[0].expiry | seconds) - (.[0].timestamp | seconds) == 3600' out >/dev/null ||
    fail "$(<out)"
  # A copy does not expire by itself: kv-scan(1) and kv-put(1) say so.
  kv-keyspace create copy >/dev/null
  kv-get --meta long | kv-put --jsonl --keyspace copy 2>err
  assert_equal "$(kv-get --meta --keyspace copy long | jq .expiry)" null
  kv-put --ttl 1s short v
  printf 'stream\tv\n' | kv-put --tsv --ttl 1s 2>err
  key_is v short || is_missing short
  await 20 is_missing short
  await 20 is_missing stream
  assert_equal "$(kv-scan --keys | paste -sd ' ')" 'forever long'
  assert_exit 2 kv-put --ttl 0s k v
  assert_exit 2 kv-put --ttl 5 k v
  assert_exit 1 kv-get k
}

@test "several keys: in their order, the missing ones told" {
  start_cluster 3
  printf '%s\tvalue %s\n' a a b b c c | kv-put --tsv 2>err
  assert_exit 1 kv-get -0 c nothing a
  cmp out <(printf 'c\0value c\0a\0value a\0')
  assert_message 'nothing: no such key'
  printf 'b\na\n' >keys
  assert_exit 0 kv-get --tsv - <keys
  cmp out <(printf 'b\tvalue b\na\tvalue a\n')
  printf 'b\0a\0' >keys
  assert_exit 0 kv-get -0 - <keys
  cmp out <(printf 'b\0value b\0a\0value a\0')
  assert_exit 2 kv-get a b
  assert_exit 2 kv-get --tsv --context-to x a b
  assert_exit 2 kv-get --tsv --context-to x - <keys
  assert [ ! -e x ]
}

@test "kv-scan --keys | kv-get -: the same keys, in every format" {
  start_cluster 3
  printf '%s\tv\n' 'tab\tkey' 'line\nkey' 'back\\slash\\tkey' plain | kv-put --tsv 2>err
  kv-scan --tsv >all
  assert_equal "$(wc -l <all)" 4
  kv-scan --keys --tsv | kv-get --tsv - | cmp - all
  kv-scan -0 >all
  kv-scan --keys -0 | kv-get -0 - | cmp - all
  kv-scan --keys --jsonl | kv-get --jsonl - | jq -c '{key, value}' | cmp - <(kv-scan --jsonl)
  assert_exit 2 kv-get --tsv - <<<'back\slash'
  assert_message 'kv-get: line 1: a backslash that begins none of'
  # As they are.
  kv-scan --keys --prefix back | kv-get --meta - | jq -r .key | cmp - <(kv-scan --keys --prefix back)
}

@test "--r and --w by number" {
  start_cluster 3
  for number in 1 2 3; do
    assert_exit 0 kv-put --w "$number" k "$number"
    assert_exit 0 kv-get --r "$number" k
    assert_equal "$(<out)" "$number"
  done
  kv-cluster kill 3
  # No fallback is left in a cluster of three.
  assert_exit 3 kv-get --r 3 --timeout 1s k
  assert_message unavailable
  assert_exit 0 kv-get --r 2 k
  assert_exit 0 kv-put --w 2 k two
  assert_exit 0 kv-get --r 1 k
  local code=0
  kv-put --w 3 --timeout 1s k three >out 2>err || code=$?
  [[ $code == 3 || $code == 4 ]]
}

@test "--resume: an interrupted stream goes on, and nothing is lost" {
  start_cluster 3
  local count=20000
  seq -f 'k%06.0f' 1 "$count" | awk '{ print $1 "\tvalue of " $1 }' >lines
  # The reader gets the first half and waits: the kill comes in the middle, for certain.
  mkfifo feed
  kv-put --tsv --resume position --rejects rejects <feed 2>err &
  local writer=$!
  exec 5>feed
  head -n 10000 lines >&5
  await 30 key_is 'value of k009000' k009000
  # Late enough that a position was written: the file says less or equal to what is stored.
  for ((i = 0; i < 40; i++)); do
    if ! kill -0 "$writer" 2>/dev/null || [[ -e position ]]; then break; fi
    read -r -t 0.05 <> <(:) || true
  done
  kill -KILL "$writer"
  wait "$writer" || true
  exec 5>&-
  local at
  at=$(cat position 2>/dev/null || echo 0)
  assert [ "$at" -le 10000 ]
  assert_exit 0 kv-put --tsv --resume position --rejects rejects <lines
  grep -q "read $count" err
  assert_equal "$(<position)" "$count"
  kv-scan --tsv | cmp - lines
  # Once more: all is settled.
  assert_exit 0 kv-put --tsv --resume position <lines
  grep -q "skipped $count, stored 0" err
}

@test "SIGINT ends a stream; what it had not stored, --resume does" {
  start_cluster 3
  seq -f 'k%06.0f' 1 3000 | awk '{ print $1 "\t" $1 }' >lines
  mkfifo feed
  # A shell's background job ignores SIGINT: python gives it back its default.
  python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' kv-put --tsv --resume position <feed 2>err &
  local writer=$! code=0
  exec 5>feed
  head -n 2000 lines >&5
  await 30 key_is k001000 k001000
  kill -INT "$writer"
  wait "$writer" || code=$?
  exec 5>&-
  assert_equal "$code" 130
  assert_exit 0 kv-put --tsv --resume position <lines
  kv-scan --tsv | cmp - lines
}

@test "a closing newline and progress on a terminal only" {
  command -v script >/dev/null || skip 'no script(1), which makes a terminal'
  start_cluster 3
  kv-put k value
  kv-put line $'value\n'
  kv-get k | cmp - <(printf value)
  script -qec 'kv-get k' /dev/null </dev/null | cmp - <(printf 'value\r\n')
  script -qec 'kv-get line' /dev/null </dev/null | cmp - <(printf 'value\r\n')
  # A value from a terminal is refused, unless it is asked for by name.
  local code=0
  script -qec 'kv-put typed' /dev/null </dev/null >out || code=$?
  assert_equal "$code" 2
  grep -q 'no value' out
  assert_exit 1 kv-get typed
  # Progress is no part of what a pipe gets.
  seq -f 'k%06.0f' 1 20000 | awk '{ print $1 "\t" $1 }' >lines
  kv-put --tsv <lines 2>err
  assert_equal "$(wc -l <err)" 1
  assert_equal "$(grep -c $'\r' err || true)" 0
  script -qec 'kv-put --tsv <lines' /dev/null </dev/null >out
  grep -q 'stored 20000' out
  grep -q $'\r\x1b\[K' out
}

@test "SIGPIPE ends quietly" {
  start_cluster 3
  seq -f 'k%06.0f' 1 20000 | awk '{ print $1 "\tvalue " $1 }' | kv-put --tsv 2>err
  local statuses
  kv-scan 2>err | head -n 1 >out && statuses=("${PIPESTATUS[@]}") || statuses=("${PIPESTATUS[@]}")
  assert_equal "${statuses[0]}" 141
  assert_equal "$(<out)" $'k000001\tvalue k000001'
  assert_equal "$(wc -c <err)" 0
  kv-scan --keys -0 2>err.scan | kv-get -0 - 2>err.get | head -c 10 >out || true
  cmp out <(printf 'k000001\0va')
  assert_equal "$(cat err.scan err.get | wc -c)" 0
}

put_lines() {
  kv-put --tsv "$@" <lines 2>err
}

# hints_are CONDITION: whether it is true of the sum of all members' hints.
hints_are() {
  kv-status --json >status 2>/dev/null || return 1
  jq -e "[.members[].hints // 0] | add | . $1" status >/dev/null
}

@test "four members: a write while one is down leaves hints, which drain when it is back" {
  start_cluster 4
  seq -f 'k%04.0f' 1 400 >keys
  kv-cluster kill 2
  # Sloppy: three replicas of each, a fallback in place of member 2.
  awk '{ print $1 "\tvalue of " $1 }' keys >lines
  await 20 put_lines --w 3
  await 20 hints_are '> 0'
  kv-cluster start 2
  assert_exit 0 kv-wait --settled --timeout 60s
  hints_are '== 0' || fail "$(<status)"
  kv-scan --tsv | cmp - lines
  # Member 2 has its share: where it owns a key, it alone would do.
  kv-explain --json k0007 | jq -e '.slots_differ == false' >/dev/null
  kv-cluster kill 1
  kv-get --tsv --r 2 - <keys >out
  cmp out lines
}

@test "a wiped member is filled again, and stands in for another that is killed" {
  start_cluster 3
  seq -f 'k%04.0f' 1 1000 >keys
  awk '{ print $1 "\tvalue of " $1 }' keys >lines
  kv-put --tsv <lines 2>err
  head -c 300000 /dev/urandom >blob
  kv-put blob <blob
  kv-cluster kill 2
  kv-cluster wipe 2
  kv-cluster start 2
  assert_exit 0 kv-wait --settled --timeout 60s
  kv-cluster kill 1
  for r in 1 2; do
    assert_exit 0 kv-get --tsv --r "$r" - <keys
    cmp out lines
    kv-get --r "$r" blob | cmp - blob
  done
  kv-scan --tsv --prefix k | cmp - lines
}

@test "a stopped kv-node (SIGSTOP) delays nothing beyond the timeout" {
  start_cluster 3
  seq -f 'k%04.0f' 1 100 >keys
  awk '{ print $1 "\tvalue of " $1 }' keys >lines
  kv-put --tsv <lines 2>err
  kv-cluster pause 3 kv-node
  assert_exit 0 kv-get --tsv --timeout 5s - <keys
  cmp out lines
  awk '{ print $1 "\tnewer of " $1 }' keys >lines
  assert_exit 0 kv-put --tsv --timeout 5s <lines
  kv-get --tsv --timeout 5s - <keys | cmp - lines
  kv-cluster resume 3 kv-node
  assert_exit 0 kv-wait --settled --timeout 60s
  kv-scan --tsv | cmp - lines
}

@test "a stopped coordinator (SIGSTOP) is passed over, and a timeout is kept" {
  start_cluster 3
  seq -f 'k%04.0f' 1 300 >keys
  awk '{ print $1 "\tvalue of " $1 }' keys >lines
  kv-put --tsv <lines 2>err
  # The kernel still takes connections in its name.
  kv-cluster pause 1 kv-coordinator
  assert_exit 0 kv-get --timeout 800ms k0001
  assert_equal "$(<out)" 'value of k0001'
  SECONDS=0
  assert_exit 0 timeout 50 kv-get --tsv --timeout 5s - <keys
  cmp out lines
  awk '{ print $1 "\tnewer of " $1 }' keys >lines
  assert_exit 0 timeout 50 kv-put --tsv --timeout 5s <lines
  ((SECONDS < 15)) || fail "$SECONDS s for what a moment is enough"
  # All are stopped: not a write that may have been stored, as nothing was sent; nor more time than
  # was given.
  kv-cluster pause 2 kv-coordinator
  kv-cluster pause 3 kv-coordinator
  SECONDS=0
  assert_exit 3 timeout 50 kv-put --timeout 500ms k0001 lost
  assert_exit 3 timeout 50 kv-get --timeout 500ms k0001
  ((SECONDS < 10)) || fail "$SECONDS s for half a second each"
  # One that wakes up is given what waits for it.
  kv-put --timeout 30s k0002 woken &
  local put=$!
  kv-cluster resume 2 kv-coordinator
  wait "$put"
  kv-cluster resume 1 kv-coordinator
  kv-cluster resume 3 kv-coordinator
  assert_equal "$(kv-get k0001),$(kv-get k0002)" 'newer of k0001,woken'
}

# `tail -f | kv-put` is a pipeline, too.
@test "a slow producer: what it has given is stored and shown while more is awaited" {
  start_cluster 3
  mkfifo keys records
  kv-put --tsv <records 2>err &
  local put=$!
  exec 7>records
  printf 'slow\tvalue\n' >&7
  await 10 eval 'kv-get slow >/dev/null 2>&1'
  assert_equal "$(kv-get slow)" value
  kv-get --tsv --timeout 1s - <keys >shown 7>&- &
  local get=$!
  exec 8>keys
  printf 'slow\n' >&8
  await 10 grep -q value shown
  # Until a request that nobody answers, with twice a record's time, has run out of it.
  assert_exit 3 kv-get --endpoint "ipc://$PWD/nobody" --timeout 2s slow
  printf 'slow\n' >&8
  printf 'slower\tvalue\n' >&7
  exec 7>&- 8>&-
  wait "$put"
  wait "$get"
  assert_equal "$(<shown)" $'slow\tvalue\nslow\tvalue'
  assert_equal "$(kv-get slower)" value
}

@test "the rejects file is not the input" {
  start_cluster 1
  printf '{"key":"k","value":"v"}\n' >bad
  assert_exit 2 kv-put --jsonl --rejects bad <bad
  assert_equal "$(<bad)" '{"key":"k","value":"v"}'
  assert_exit 0 kv-put --jsonl --rejects other <bad
}

@test "what is stored is its owner's alone" {
  umask 022
  start_cluster 3
  kv-put secret value
  assert_equal "$(find "$KV_CLUSTER_DIR"/member-*/data/* -perm /077 ! -type s)" ''
}
