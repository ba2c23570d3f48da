#!/usr/bin/python3
"""Runs the Python client and the bytes that kv-protocol(7) gives as examples against a coordinator,
so that the page is known to be enough to write a client from.

usage: tests/cli/protocol_client.py ENDPOINT

Exit 0 if everything was as the page says, 1 if not, 77 without pyzmq or msgpack.
"""

import os
import re
import sys

try:
    import msgpack
    import zmq
except ImportError as missing:
    print(missing)
    sys.exit(77)

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../man/kv-protocol.7.scd")


def literal_blocks():
    with open(PAGE, encoding="utf-8") as file:
        return re.findall(r"^```\n(.*?)^```\n", file.read(), flags=re.S | re.M)


def client_class():
    """The class Client, as the page has it."""
    code = next(block for block in literal_blocks() if "class Client" in block)
    names = {}
    exec(compile(code, PAGE, "exec"), names)
    return names["Client"]


def bytes_of(first):
    """The bytes of the example that begins so: on each line, what stands before the comment."""
    block = next(block for block in literal_blocks() if block.startswith(first))
    return bytes.fromhex("".join(line.strip().split("  ")[0] for line in block.splitlines()))


def check(what, got, expected):
    if got != expected:
        print(f"{what}: {got!r}, not {expected!r}")
        sys.exit(1)
    print(f"{what}: ok")


def check_values(kv):
    every_byte = bytes(range(256)) * 400
    for name, value in {"empty": b"", "text": "Größe\n".encode(), "bytes": every_byte}.items():
        key = b"protocol:" + name.encode() + b"\x00\xff"
        kv.put(key, value)
        check(f"put and get of {name}", kv.get(key)[0], [value])
    check("a key that is not there", kv.get(b"protocol:absent")[0], [])


def check_contexts(kv):
    key = b"protocol:siblings"
    kv.put(key, b"first")
    _, context = kv.get(key)
    kv.put(key, b"mine", context)
    kv.put(key, b"yours", context)
    values, context = kv.get(key)
    check("two writers of one context are siblings", sorted(values), [b"mine", b"yours"])
    context = kv.put(key, b"ours", context)
    check("a put with their context resolves them", kv.get(key)[0], [b"ours"])
    kv.put(key, b"", context, delete=True)
    check("deleted", kv.get(key)[0], [])


def check_scan(kv):
    answer, _, _, records, more, _ = kv.ask(
        20, "default", b"protocol:", b"protocol;", False, True, 2, 0, False)[:6]
    check("a page of a scan", (answer, len(records), more), (0, 2, True))
    check("its keys in order", records[0][0] < records[1][0], True)


def check_refusals(kv):
    check("no such keyspace", kv.ask(18, "no-such", b"k", 0, False)[0], 1)
    check("an empty key", kv.ask(18, "default", b"", 0, False)[0], 2)
    check("R above N", kv.ask(18, "default", b"k", 9, False)[0], 2)
    put = ["default", b"k" * 1025, 0, [[], [], 0], [kv.client, 1 << 40], 0, False, b"", 0, 0, False]
    check("a key over the limit", kv.ask(16, *put)[0], 2)
    # Fields of a newer client, and a message that nobody knows, are passed over.
    check("more fields", kv.ask(18, "default", b"protocol:absent", 0, False, "new", [1])[0], 1)
    kv.socket.send(msgpack.packb([1, None, 0, [[9999, 1, 2], [1, 5, 0, "test"]]]))
    check("an unknown message beside a hello", hello_of(kv.socket)[:2], [2, 5])


def hello_of(socket):
    if not socket.poll(5000):
        return [None, None]
    return msgpack.unpackb(socket.recv())[3][0]


def check_administration(kv):
    answer, _, report = kv.ask(4, "cluster", None)[:3]
    check("cluster", answer, 0)
    check("its members have endpoints", all("://" in m["endpoint"] for m in report["members"]), True)
    check("no such verb", kv.ask(4, "no-such", None)[0], 2)


def check_example_bytes(kv):
    """The page's request, sent as it stands; and its answer, decoded."""
    kv.put(b"hello", b"world")
    kv.socket.send(bytes_of("94      "))
    check("the example's request is answered", kv.socket.poll(5000) != 0, True)
    told = msgpack.unpackb(kv.socket.recv())[3][0]
    example = msgpack.unpackb(bytes_of("94 01 "), strict_map_key=False)[3][0]
    check("by the message of the example", told[:3], example[:3])
    check("of its shape", (len(told), len(told[7]), len(told[7][3][0])),
          (len(example), len(example[7]), len(example[7][3][0])))
    check("and its value", told[7][3][0][8], example[7][3][0][8])


def check_req_socket(endpoint):
    """What the page says of a socket that puts an empty part before each message."""
    with open(PAGE, encoding="utf-8") as file:
        text = " ".join(file.read().split())
    check("the page lets a REQ socket be answered",
          "A REQ socket, which puts an empty part before it, is answered" in text, True)
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.connect(endpoint)
    for number in (1, 2):
        socket.send(msgpack.packb([1, None, 0, [[1, number, 0, b"a test"]]]))
        check("and it is", hello_of(socket)[:2], [2, number])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    kv = client_class()(sys.argv[1])
    for part in (check_values, check_contexts, check_scan, check_refusals, check_administration,
                 check_example_bytes):
        part(kv)
    check_req_socket(sys.argv[1])
    zmq.Context.instance().destroy(linger=0)


if __name__ == "__main__":
    main()
