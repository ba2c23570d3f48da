#!/usr/bin/python3
"""Reads a stopped kv-node's directory by kv-format(5) alone, checks every checksum of the files in
use and how many keys each Merkle leaf has, and prints the newest value of each key of the member's
own data, as JSON Lines of user key (base64) and the number of bytes and XXH3-64 of its value; a
tombstone has no value.

usage: tests/cluster/read_format.py DIRECTORY

Exit 0, 1 with what is not as the page says, 77 without a library it needs.
"""

import base64
import ctypes
import glob
import json
import os
import re
import sqlite3
import struct
import sys

try:
    import msgpack
    lz4 = ctypes.CDLL("liblz4.so.1").LZ4_decompress_safe
    ctypes.CDLL("libxxhash.so.0")
except (ImportError, OSError) as missing:
    print(missing)
    sys.exit(77)

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../man/kv-format.5.scd")
with open(PAGE, encoding="utf-8") as file:
    EXAMPLE = re.findall(r"^```\n(import ctypes.*?)^```\n", file.read(), flags=re.S | re.M)[0]
exec(compile(EXAMPLE, PAGE, "exec"))  # hash64() and records(), as the page has them.


def need(condition, what):
    if not condition:
        sys.exit(f"not as kv-format(5) says: {what}")


class Bytes:
    """Takes fields off the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def word(self, form):
        size = struct.calcsize(form)
        self.at += size
        return struct.unpack("<" + form, self.data[self.at - size:self.at])[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.word("B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def sized(self):
        return self.take(self.varint())

    def more(self):
        return self.at < len(self.data)


def read_metadata(path):
    """{table: {key: value}}"""
    database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    need(database.execute("PRAGMA application_id").fetchone() == (0x6B766D74,), "application_id")
    need(database.execute("PRAGMA user_version").fetchone() == (1,), "user_version")
    counted = lambda data: struct.pack("<Q", len(data)) + data
    tables, total, rows = {}, 0, 0
    for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE name <> 'kv_totals'"):
        tables[name] = {}
        for key, value, checksum in database.execute(f'SELECT * FROM "{name}"'):
            found = hash64(counted(name.encode()) + counted(key) + counted(value))
            need(checksum % 2**64 == found, f"checksum of row {key} of {name}")
            tables[name][key.decode()] = value
            total, rows = total + found, rows + 1
    written = database.execute("SELECT sum, row_count FROM kv_totals WHERE id = 0").fetchone()
    need((written[0] % 2**64, written[1]) == (total % 2**64, rows), "kv_totals")
    return tables


def read_manifest_row(row):
    row = Bytes(row)
    names = ["version", "number", "level", "bytes", "salt", "entries", "removals", "raw_bytes",
             "sequence_min", "sequence_max", "created_us", "first_key", "last_key"]
    forms = {"salt": lambda: row.word("Q"), "created_us": lambda: row.word("q"),
             "first_key": row.sized, "last_key": row.sized}
    info = {name: forms.get(name, row.varint)() for name in names}
    need(info["version"] in (1, 2), "manifest row")
    info["given"] = row.varint() if info["version"] == 2 else 0
    need(not row.more(), "manifest row")
    return info


def read_key_range(data):
    """(from, to): to is nothing if there is no end."""
    first, end = data.sized(), data.sized()
    need(not data.more() and (not end or first < end), "key range")
    return first, end


def open_block(file, offset, length, salt):
    payload, trailer = file[offset:offset + length], file[offset + length:offset + length + 16]
    compression, raw, check = struct.unpack("<IIQ", trailer)
    need(check == hash64(payload + trailer[:8], salt + offset), f"block at {offset}")
    if compression == 0:
        need(raw == length, "length of a block")
        return payload
    need(compression == 1, "compression")
    block = ctypes.create_string_buffer(raw)
    need(lz4(payload, block, length, raw) == raw, "lz4")
    return block.raw


def entries_of(block, check_buckets=False):
    """(key, sequence, kind, value) of each entry."""
    word = struct.unpack("<I", block[-4:])[0]
    count, flags, end = word % 2**24, word >> 24, len(block) - 4
    need(flags in (0, 1), "flags of a block")
    buckets = b""
    if flags == 1:
        number = struct.unpack("<H", block[end - 2:end])[0]
        buckets = block[end - 2 - number:end - 2]
        end -= 2 + number
    end -= 4 * count
    restarts = struct.unpack(f"<{count}I", block[end:end + 4 * count])
    need(restarts[0] == 0, "first restart")
    found, key, data = [], b"", Bytes(block[:end])
    while data.more():
        at = data.at
        shared, unshared, length, tag = (data.varint() for _ in range(4))
        need(at not in restarts or shared == 0, "an entry at a restart shares")
        is_newest = not found or found[-1][0] != key[:shared] + block[data.at:data.at + unshared]
        key = key[:shared] + data.take(unshared)
        found.append((key, tag >> 2, tag & 3, data.take(length)))
        if buckets and is_newest:
            bucket = buckets[(hash64(key, 0xB100F) % 2**32) * len(buckets) >> 32]
            behind = max(i for i, restart in enumerate(restarts) if restart <= at)
            need(bucket in (254, behind), "bucket of a key")
    need(not check_buckets or buckets or count > 254, "a data block has buckets")
    return found


def handles_of(index):
    """(last key, its sequence, (offset, length)) of each entry of an index."""
    for key, sequence, _, handle in entries_of(index):
        handle = Bytes(handle)
        yield key, sequence, (handle.varint(), handle.varint())


def filter_has(block, key):
    probes, lines, number = block[1], struct.unpack("<I", block[4:8])[0], hash64(key, 0xB100F)
    begin = 8 + ((number >> 32) * lines >> 32) * 64
    x = number % 2**32
    for _ in range(probes):
        bit = x >> 23
        if not block[begin + bit // 8] >> bit % 8 & 1:
            return False
        x = x * 0x9E3779B9 % 2**32
    return True


def read_table(path, info):
    """All entries of the table."""
    with open(path, "rb") as opened:
        file = opened.read()
    footer = struct.unpack("<QQQQQQQIIQ8s", file[-80:])
    salt, version, zero, check, magic = footer[6:]
    need(magic == b"kvtable1" and version == 3 and zero == 0, "footer")
    need(footer[2:4] == (0, 0), "footer has no filter")
    need(check == hash64(file[-80:-16]) and salt == info["salt"], "footer's checksum and salt")
    need(len(file) == info["bytes"], "length of the table")
    top, properties = (open_block(file, footer[i], footer[i + 1], salt) for i in (0, 4))
    found, place = [], 0
    for *section_last, at in handles_of(top):
        section = open_block(file, *at, salt)
        filter_bytes, = struct.unpack("<I", section[:4])
        bloom, index = section[4:4 + filter_bytes], section[4 + filter_bytes:]
        for *last, (offset, length) in handles_of(index):
            need(offset == place, "blocks lie one behind the other")
            place += length + 16
            entries = entries_of(open_block(file, offset, length, salt), True)
            need(bloom[0] == 1 and all(filter_has(bloom, entry[0]) for entry in entries), "filter")
            found += entries
            need([*found[-1][:2]] == last, "index")
        need(at[0] == place and last == section_last, "top index")
        place += at[1] + 16
    need(footer[0] == place and footer[4] == place + footer[1] + 16, "places")
    need(found == sorted(found, key=lambda e: (e[0], -e[1])), "order")
    stated = {name.decode(): value for name, _, _, value in entries_of(properties)}
    facts = {
        "entries": len(found), "removals": sum(e[2] == 0 for e in found),
        "raw_bytes": sum(len(e[0]) + len(e[3]) for e in found),
        "sequence_min": min(e[1] for e in found), "sequence_max": max(e[1] for e in found),
    }
    for name, value in facts.items():
        need(int(stated[name]) == value, f"property {name}")
        is_given = info["given"] and name.startswith("sequence")
        need(info[name] == (info["given"] if is_given else value), f"manifest row's {name}")
    need(not info["given"] or facts["sequence_max"] == 1, "sequences of an ingested table")
    for name, at in (("first_key", 0), ("last_key", -1)):
        need(stated[name] == found[at][0] == info[name], f"property {name}")
    return [(key, info["given"] or sequence, *rest) for key, sequence, *rest in found]


def read_log(path, secret):
    """(key, sequence, kind, value) of each operation; of a drop (range, sequence)."""
    number = int(os.path.basename(path)[:-4])
    salt = hash64(struct.pack("<Q", number), secret)
    with open(path, "rb") as opened:
        segment = opened.read()
    for offset, kind, first, count, payload in records(segment, salt):
        if offset == 0:
            version, flags, told, told_salt, size = struct.unpack("<IIQQQ", payload)
            need((kind, count) == (1, 0) and version in (1, 2), "segment's header")
            need((told, told_salt, size) == (number, salt, len(segment)), "segment's header")
            continue
        data, sequence = Bytes(payload), first
        if kind == 3:
            need(count == 1, "operations of a drop")
            yield read_key_range(data), first
            continue
        if kind == 4:
            need((count, payload) == (1, b""), "operations of an ingest")
            continue
        while data.more():
            operation = data.word("B")
            need(operation in (0, 1), "operation")
            yield data.sized(), sequence, operation, data.sized() if operation else b""
            sequence += 1
        need(sequence == first + count, "operations of a record")


def value_of(stored):
    """Of a stored record with one sibling at most: its value, or nothing."""
    form, record, *_ = msgpack.unpackb(stored, strict_map_key=False)
    need(form == 1 and record[0] == 1 and len(record[3]) <= 1, "stored record")
    for sibling in record[3]:
        if not sibling[5] & 1:
            return sibling[8]
    return None


def check_leaves(rows):
    """Of partitions that are marked: each leaf says how many keys fall into it."""
    held, marks, tokens = {}, set(), []
    for key, stored in rows.items():
        placement, partition = struct.unpack(">HI", key[1:7])
        if key[0] == 0 and len(key) == 7:
            need(stored == b"", "mark of a partition's leaves")
            marks.add((placement, partition))
        elif key[0] == 0:
            leaf, = struct.unpack(">I", key[7:])
            _, held[placement, partition, leaf] = struct.unpack("<QH", stored)
        elif key[0] == 1:
            keyspace, = struct.unpack(">I", key[7:11])
            tokens.append((placement, partition, hash64(key[11:], keyspace)))
    fits = [bits for bits in range(1, 21)
            if all(token >> (64 - bits) == partition for _, partition, token in tokens)]
    need(fits, "the partition of a token")
    counted = {}
    for placement, partition, token in tokens:
        leaf = (token >> 44) - (partition << (20 - fits[-1]))
        counted[placement, partition, leaf] = counted.get((placement, partition, leaf), 0) + 1
    for leaf in set(held) | set(counted):
        need(leaf[:2] not in marks or held.get(leaf, 0) == counted.get(leaf, 0),
             f"keys of leaf {leaf}")
    need(marks or not tokens, "no partition's leaves are marked")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = sys.argv[1]
    tables = read_metadata(f"{directory}/meta.sqlite")
    need(tables["identity"]["daemon"] == b"kv-node", "identity")
    entries, drops = [], []
    for key, row in tables.get("range_drop", {}).items():
        row = Bytes(row)
        need(row.varint() == 1, "row of a drop")
        drops.append((read_key_range(row), int(key, 16)))
    need(int(tables["engine"]["format"]) in ([2] if drops else [1, 2]), "format of the engine")
    for key, row in tables.get("sstable", {}).items():
        info = read_manifest_row(row)
        need(key == f"{info['number']:016x}", "key of a manifest row")
        entries += read_table(f"{directory}/{info['number']:06d}.sst", info)
    for path in sorted(glob.glob(f"{directory}/*.log")):
        for operation in read_log(path, int(tables["engine"]["log_secret"])):
            (drops if len(operation) == 2 else entries).append(operation)
    newest = {}
    for key, sequence, kind, value in entries:
        if any(first <= key and (not end or key < end) and sequence < dropped
               for (first, end), dropped in drops):
            continue
        if sequence > newest.get(key, (0,))[0]:
            newest[key] = (sequence, kind, value)
    check_leaves({key: stored for key, (_, kind, stored) in newest.items()
                  if key[0] <= 1 and kind != 0})
    for key, (_, kind, stored) in sorted(newest.items()):
        if key[0] != 1 or kind == 0:
            continue
        struct.unpack(">HII", key[1:11])
        value = value_of(stored)
        if value is not None:
            print(json.dumps({"key_b64": base64.b64encode(key[11:]).decode(), "bytes": len(value),
                              "hash": hash64(value)}))


if __name__ == "__main__":
    main()
