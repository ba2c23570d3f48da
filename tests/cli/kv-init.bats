#!/usr/bin/env bats
# kv-init against a kv-gossip that is played: what it says when something is missing.

load setup

setup() {
  /usr/bin/python3 -c 'import zmq, msgpack' || skip "pyzmq or msgpack is missing"
  sockets=$(mktemp -d /tmp/kv-init.XXXXXX)
  cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
  if [[ -n ${player-} ]]; then
    kill "$player" || true
    wait "$player" || true
  fi
  rm -rf "${sockets-}"
}

# play_gossip NUMBER [ANSWER]: introduces itself as that member, and answers nothing else; or a
# proposal with that code.
play_gossip() {
  mkfifo ready
  /usr/bin/python3 - "ipc://$sockets/gossip" "$@" >ready 3>&- <<'PYTHON' &
import sys, msgpack, zmq
endpoint, number = sys.argv[1], int(sys.argv[2])
router = zmq.Context.instance().socket(zmq.ROUTER)
router.bind(endpoint)
print("ready", flush=True)
while True:
    peer, frame = router.recv_multipart()
    for message in msgpack.unpackb(frame)[3]:
        if message[0] == 111:
            member = [number, b"", b"", b"h1", [endpoint.encode()] * 4, 1, 0, 1]
            answer = [112, message[1], member, bytes(16), 0]
            router.send_multipart([peer, msgpack.packb([1, None, 0, [answer]])])
        if message[0] == 103 and len(sys.argv) > 3:
            answer = [104, message[1], int(sys.argv[3]), 0, b""]
            router.send_multipart([peer, msgpack.packb([1, None, 0, [answer]])])
PYTHON
  player=$!
  read -r _ <ready
}

@test "nobody listens: exit 3, and the endpoint is named" {
  assert_exit 3 kv-init --member "1=ipc://$sockets/nobody" --timeout 200ms
  assert_message "ipc://$sockets/nobody"
}

@test "another member answers than was named: exit 2" {
  play_gossip 2
  assert_exit 2 kv-init --member "1=ipc://$sockets/gossip" --timeout 5s
  assert_message "is member 2, not 1"
}

@test "no answer to the proposal: exit 4, as it may have been agreed on" {
  play_gossip 1
  assert_exit 4 kv-init --member "1=ipc://$sockets/gossip" --timeout 300ms
  assert_message "ipc://$sockets/gossip"
}

@test "an answer to the proposal that only a newer version knows: exit 4" {
  play_gossip 1 200
  assert_exit 4 kv-init --member "1=ipc://$sockets/gossip" --timeout 20s
  assert_message "answer 200, of a newer version"
}

@test "no member, a member twice, a malformed one, a wrong number of partitions: exit 2" {
  assert_exit 2 kv-init
  assert_exit 2 kv-init --member 1=ipc:///a --member 1=ipc:///b
  assert_exit 2 kv-init --member ipc:///a
  local partitions
  for partitions in 100 0 32768 4294967552; do
    assert_exit 2 kv-init --member "1=ipc://$sockets/nobody" --partitions "$partitions"
    assert_message "--partitions $partitions: not a power of 2 up to 16384"
  done
}
