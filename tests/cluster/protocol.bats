#!/usr/bin/env bats
# kv-protocol(7) is enough to write a client from: its own examples, against a real cluster.

load setup

@test "the manual's Python client puts, gets, resolves siblings, scans and is refused" {
  /usr/bin/python3 -c 'import zmq, msgpack' || skip "pyzmq or msgpack is missing"
  start_cluster 3
  "$project/tests/cli/protocol_client.py" "${KV_ENDPOINT%%,*}"
}
