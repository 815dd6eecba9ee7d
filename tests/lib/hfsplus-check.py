#!/usr/bin/env python3
# hfsplus-check.py - is an HFS+ volume consistent? Every block of every file against the allocation file
# SPDX-License-Identifier: GPL-3.0-or-later
"""
hfsplus-check.py FILE [--dirty]: 0 when nothing is wrong, else 1 and what is. --dirty: blocks that are used
by nothing, and numbers in the header, do not matter (the volume was not unmounted). Debian has no fsck.hfsplus.
Structures: Apple Technical Note TN1150.
"""
import struct
import sys

MAP = 2


class Wrong(Exception):
    pass


def want(condition, text):
    if not condition:
        raise Wrong(text)


class Volume:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.image = f.read()
        self.base, self.end = 0, len(self.image)
        if self.image[1024:1026] == b"BD":
            unit, = struct.unpack_from(">I", self.image, 1024 + 20)
            first, = struct.unpack_from(">H", self.image, 1024 + 28)
            start, count = struct.unpack_from(">HH", self.image, 1024 + 126)
            self.base = first * 512 + start * unit
            self.end = self.base + count * unit
        header = self.image[self.base + 1024:self.base + 1536]
        want(header[:4] in (b"H+\0\4", b"HX\0\5"), "no header")
        self.header = header
        self.attributes, = struct.unpack_from(">I", header, 4)
        self.block, self.total, self.free = struct.unpack_from(">III", header, 40)
        want(self.total * self.block <= self.end - self.base, "larger than its volume")
        self.owner = {}
        self.extents = {}

    def number(self, at):
        return struct.unpack_from(">I", self.header, at)[0]

    def own(self, start, count, who):
        for block in range(start, start + count):
            want(block < self.total, f"{who}: block {block} is outside")
            want(block not in self.owner, f"block {block} is of {self.owner.get(block)} and of {who}")
            self.owner[block] = who

    def fork(self, raw, number, kind=0):
        """the runs of a fork, all blocks owned"""
        length, _, blocks = struct.unpack_from(">QII", raw)
        runs = runs_of(raw[16:80])
        while sum(n for _, n in runs) < blocks:
            more = self.extents.pop((kind, number, sum(n for _, n in runs)), None)
            want(more, f"file {number} lacks blocks")
            runs += more
        want(sum(n for _, n in runs) == blocks and length <= blocks * self.block, f"file {number}: {blocks} blocks")
        for start, count in runs:
            self.own(start, count, f"file {number}")
        return runs, length

    def bytes_of(self, fork):
        runs, length = fork
        return b"".join(self.image[self.base + s * self.block:self.base + (s + n) * self.block] for s, n in runs)[:length]


def runs_of(raw):
    runs = [struct.unpack_from(">II", raw, 8 * i) for i in range(8)]
    return [r for r in runs if r[1]]


class Tree:
    def __init__(self, content, name):
        self.content, self.name = content, name
        header = content[14:120]
        (self.depth, self.root, self.records, self.first, self.last, self.size) = struct.unpack_from(">HIIIIH", header)
        self.nodes, self.free = struct.unpack_from(">II", header, 22)
        want(self.nodes * self.size <= len(content), f"{name}: too many nodes")
        self.seen = {0}

    def node(self, number, kind):
        want(0 < number < self.nodes, f"{self.name}: node {number} is outside")
        want(number not in self.seen, f"{self.name}: node {number} is there twice")
        self.seen.add(number)
        raw = self.content[number * self.size:(number + 1) * self.size]
        want(raw[8] == kind, f"{self.name}: node {number} is of kind {raw[8]}")
        return raw

    def split(self, raw):
        count, = struct.unpack_from(">H", raw, 10)
        at = [struct.unpack_from(">H", raw, self.size - 2 * i - 2)[0] for i in range(count + 1)]
        want(at[0] == 14 and at == sorted(at) and at[-1] <= self.size - 2 * count - 2, f"{self.name}: bad offsets")
        return [raw[a:b] for a, b in zip(at, at[1:])]

    def leaves(self, number=None, depth=None):
        """the records, by way of the index, from left to right"""
        depth = self.depth if depth is None else depth
        if depth == 0:
            return
        raw = self.node(self.root if number is None else number, 0xff if depth == 1 else 0)
        want(raw[9] == depth, f"{self.name}: height {raw[9]} instead of {depth}")
        for record in self.split(raw):
            key, = struct.unpack_from(">H", record)
            if depth == 1:
                yield record[:key + 2], record[key + 2 + key % 2:]
            else:
                yield from self.leaves(struct.unpack_from(">I", record, key + 2)[0], depth - 1)

    def all(self):
        found = list(self.leaves())
        want(len(found) == self.records, f"{self.name}: {len(found)} records, {self.records} by its header")
        at = self.content[:self.size]
        offset, end = (struct.unpack_from(">H", at, self.size - 2 * i - 2)[0] for i in (MAP, MAP + 1))
        bits, link = at[offset:end], struct.unpack_from(">I", at)[0]
        while link:
            raw = self.node(link, 2)
            bits, link = bits + self.split(raw)[0], struct.unpack_from(">I", raw)[0]
        for i in range(self.nodes):
            want(bool(bits[i >> 3] & 128 >> (i & 7)) == (i in self.seen), f"{self.name}: node {i} in its map")
        want(self.free == self.nodes - len(self.seen), f"{self.name}: {self.free} free nodes")
        return found


def read_extents(v):
    tree = Tree(v.bytes_of(v.fork(v.header[192:272], 3)), "extents file")
    records = tree.all()
    for key, data in records:
        _, kind, number, start = struct.unpack(">HBxII", key)
        v.extents[kind, number, start] = runs_of(data)
        if number == 5:
            for run in v.extents.pop((kind, number, start)):
                v.own(*run, "bad blocks")
    return len(records)


def read_catalog(v):
    tree = Tree(v.bytes_of(v.fork(v.header[272:352], 4)), "catalog")
    files = folders = 0
    for key, data in tree.all():
        kind, = struct.unpack_from(">h", data)
        if kind == 2:
            number, = struct.unpack_from(">I", data, 8)
            v.fork(data[88:168], number)
            v.fork(data[168:248], number, 255)
            files += 1
        elif kind == 1:
            folders += 1
        elif kind not in (3, 4):
            raise Wrong(f"a record of kind {kind}")
    return files, folders - 1


def read_attributes(v):
    fork = v.fork(v.header[352:432], 8)
    if fork[1]:
        for _, data in Tree(v.bytes_of(fork), "attributes file").all():
            kind, = struct.unpack_from(">I", data)
            want(kind in (0x10, 0x20, 0x30), f"an attribute of kind {kind}")
            for run in runs_of(data[24:88] if kind == 0x20 else data[8:72]) if kind != 0x10 else ():
                v.own(*run, "an attribute")


def read_journal(v):
    if not v.attributes & 0x2000:
        return
    v.own(v.number(12), 1, "journal info")
    info = v.image[v.base + v.number(12) * v.block:]
    start, size = struct.unpack_from(">QQ", info, 36)
    v.own(start // v.block, size // v.block, "journal")


def check_bitmap(v, dirty):
    bits = v.bytes_of(v.fork(v.header[112:192], 6))
    v.own(0, -(-1536 // v.block), "header")
    for end in (v.end - v.base, v.total * v.block):
        if v.image[v.base + end - 1024:][:2] in (b"H+", b"HX"):
            first = (end - 1024) // v.block
            v.own(first, v.total - first if first < v.total else 0, "other header")
            break
    else:
        raise Wrong("no other header")
    free = 0
    for block in range(v.total):
        used = bool(bits[block >> 3] & 128 >> (block & 7))
        free += not used
        want(used or block not in v.owner, f"block {block} is free and of {v.owner.get(block)}")
        want(dirty or not used or block in v.owner, f"block {block} is used by nothing")
    want(dirty or free == v.free, f"{free} free blocks, {v.free} by the header")


def check(path, dirty):
    v = Volume(path)
    want(dirty or v.attributes & 0x4900 == 0x100, f"attributes {v.attributes:#x}")
    records = read_extents(v)
    files, folders = read_catalog(v)
    read_attributes(v)
    v.fork(v.header[432:512], 7)
    read_journal(v)
    check_bitmap(v, dirty)
    want(not v.extents, f"extents of nothing: {sorted(v.extents)[:3]}")
    counted = v.number(32), v.number(36)
    want(dirty or counted == (files, folders), f"{files} files, {folders} folders; {counted} by the header")
    print(f"{files} files, {folders} folders, {v.total - v.free} of {v.total} blocks, {records} in the extents file")


if __name__ == "__main__":
    try:
        check(sys.argv[1], "--dirty" in sys.argv)
    except Wrong as e:
        sys.exit(f"{sys.argv[1]}: {e}")
