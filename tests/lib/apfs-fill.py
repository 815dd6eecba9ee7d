#!/usr/bin/env python3
# apfs-fill.py - fill a container that mkapfs made: what no tool of Debian does. apfsck accepts what comes of it
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: apfs-fill.py IMAGE [--seed N] [--files N] [--volumes N] [--pieces N] [--empty] [--snapshot]
       [--encrypt N]

Volumes (the first is mkapfs's own) with folders, hard links, clones that share content wholly or in part, files in many
pieces and with holes, streams, symbolic links. --snapshot: the first volume has one, and was changed since (apfsck of
Debian 12 does not know these). --encrypt: volume N cannot be read. --empty: all content is zeros. --pieces: of the file that has the most.
Structures: Apple File System Reference (2020).
"""
import argparse
import operator
import random
import struct
import unicodedata

BLOCK, CHUNK = 4096, 32768
HEADER, FOOTER = 56, 40
PHYSICAL, VIRTUAL = 0x40000000, 0
ROOT_NODE, NODE, OMAP, FS_TREE, EXTENTS, SNAP_META, OMAP_SNAPS = 2, 3, 0xb, 0xe, 0xf, 0x10, 0x13
INODE, XATTR, SIBLING, STREAM, EXTENT, ENTRY, SIBLING_MAP = 3, 4, 5, 6, 8, 9, 12
DIR, REG, LINK = 4, 8, 10
CLONED, SPARSE, FORK, NO_FORK = 0x410, 0x200, 0x4000, 0x8000
CRC = []
for _n in range(256):
    _c = _n
    for _ in range(8):
        _c = _c >> 1 ^ (0x82f63b78 if _c & 1 else 0)
    CRC.append(_c)


def name_hash(name):
    crc = 0xffffffff
    for byte in unicodedata.normalize("NFD", name.casefold()).encode("utf-32-le"):
        crc = crc >> 8 ^ CRC[(crc ^ byte) & 255]
    return (crc & 0x3fffff) << 10 | len(name.encode()) + 1


def seal(block):
    words = struct.unpack_from(f"<{len(block) // 4 - 2}I", block, 8)
    one = sum(words) % 0xffffffff
    two = sum(map(operator.mul, words, range(len(words), 0, -1))) % 0xffffffff
    low = 0xffffffff - (one + two) % 0xffffffff
    struct.pack_into("<Q", block, 0, (0xffffffff - (one + low) % 0xffffffff) << 32 | low)
    return block


def padded(data):
    return data + bytes(-len(data) % 8)


def xfields(fields):
    """of (type, flags, data)"""
    if not fields:
        return b""
    body = b"".join(padded(data) for _, _, data in fields)
    head = b"".join(struct.pack("<BBH", kind, flags, len(data)) for kind, flags, data in fields)
    return struct.pack("<HH", len(fields), len(body)) + head + body


class Container:
    def __init__(self, path, seed, empty):
        self.f, self.empty = open(path, "r+b"), empty
        self.chance = random.Random(seed)
        self.super = self.read(0)
        self.ring = self.get(self.super, "Q", 112)
        self.xid = self.get(self.super, "Q", 16)
        self.next_oid = self.get(self.super, "Q", 88)
        maps = self.read(self.ring)
        entry = next(at for at in range(40, BLOCK, 40) if self.get(maps, "H", at) == 5)
        self.spaceman_at = self.get(maps, "Q", entry + 32)
        self.spaceman = self.read(self.spaceman_at)
        self.cib_at = self.get(self.spaceman, "Q", self.get(self.spaceman, "I", 80))
        self.cib = self.read(self.cib_at)
        self.bitmap = self.read(self.get(self.cib, "Q", 64))
        self.blocks = min(self.get(self.super, "Q", 40), CHUNK)
        self.omap = {}  # of the container: oid -> block
        self.free = [b for b in range(self.blocks - 1) if not self.bitmap[b // 8] >> b % 8 & 1]
        self.at = 0

    @staticmethod
    def get(block, form, at):
        return struct.unpack_from("<" + form, block, at)[0]

    def read(self, block):
        self.f.seek(block * BLOCK)
        return bytearray(self.f.read(BLOCK))

    def write(self, block, data):
        self.f.seek(block * BLOCK)
        self.f.write(data)

    def take(self, n=1, gap=0):
        """The first of n blocks in one piece that follow the last ones, `gap` later."""
        self.at += gap
        while self.free[self.at + n - 1] - self.free[self.at] != n - 1:
            self.at += 1
        first = self.free[self.at]
        for b in range(first, first + n):
            self.bitmap[b // 8] |= 1 << b % 8
        self.at += n
        return first

    def new_oid(self):
        self.next_oid += 1
        return self.next_oid - 1

    def put_object(self, block, data):
        self.write(block, seal(data))

    def finish(self):
        """The bitmap, and all that counts."""
        free = self.get(self.cib, "I", 60)
        struct.pack_into("<I", self.cib, 60, self.blocks - sum(b.bit_count() for b in self.bitmap))
        total = self.get(self.spaceman, "Q", 72) + self.get(self.cib, "I", 60) - free
        struct.pack_into("<Q", self.spaceman, 72, total)
        self.write(self.get(self.cib, "Q", 64), self.bitmap)
        self.put_object(self.cib_at, self.cib)
        self.put_object(self.spaceman_at, self.spaceman)
        self.move_on()
        struct.pack_into("<Q", self.super, 88, self.next_oid)
        self.put_object(0, self.super)
        self.put_object(self.ring + 1, self.super)
        self.f.close()


    def move_on(self):
        """To the last transaction there was."""
        maps = self.read(self.ring)
        for at in range(40, 40 + 40 * self.get(maps, "I", 36), 40):
            block = self.get(maps, "Q", at + 32)
            ephemeral = self.read(block)
            struct.pack_into("<Q", ephemeral, 16, self.xid)
            self.put_object(block, ephemeral)
        struct.pack_into("<Q", maps, 16, self.xid)
        self.put_object(self.ring, maps)
        struct.pack_into("<Q", self.super, 16, self.xid)
        struct.pack_into("<Q", self.super, 96, self.xid + 1)


class Tree:
    """A B-tree made from its records, in order. Physical ones: an object's number is its block."""

    def __init__(self, c, subtype, fixed=None, omap=None, xid=None):
        self.c, self.subtype, self.fixed, self.omap, self.xid = c, subtype, fixed, omap, xid or c.xid
        self.nodes, self.flags = 0, (0 if fixed else 0x40) | (0 if omap is not None else 0x10)

    def room(self, level, root):
        value = (self.fixed[1] if not level else 8) if self.fixed else 0
        toc = (BLOCK - HEADER) // (sum((self.fixed[0], value, 4))) * 4 if self.fixed else 0
        return toc, BLOCK - HEADER - toc - (FOOTER if root else 0)

    def cut(self, records, level):
        """into nodes"""
        toc, room = self.room(level, False)
        room -= FOOTER  # any may be the root
        nodes, size = [[]], 0
        for key, value in records:
            need = len(key) + len(value) + (0 if self.fixed else 8)
            if size + need > room or (toc and len(nodes[-1]) == toc // 4):
                nodes.append([])
                size = 0
            nodes[-1].append((key, value))
            size += need
        return nodes

    def node(self, records, level, footer=None):
        """footer: of a root"""
        block = bytearray(BLOCK)
        toc, _ = self.room(level, footer)
        toc = toc or (max(len(records), 1) * 8 + 63) // 64 * 64
        if sum(len(k) + len(v) for k, v in records) + toc > BLOCK - HEADER - (FOOTER if footer else 0):
            toc = len(records) * 8
        end = BLOCK - (FOOTER if footer else 0)
        keys, values = 0, 0
        for i, (key, value) in enumerate(records):
            values += len(value)
            where = (keys, values) if self.fixed else (keys, len(key), values, len(value))
            struct.pack_into("<" + "H" * len(where), block, HEADER + i * len(where) * 2, *where)
            block[HEADER + toc + keys:HEADER + toc + keys + len(key)] = key
            block[end - values:end - values + len(value)] = value
            keys += len(key)
        flags = (1 if footer else 0) | (0 if level else 2) | (4 if self.fixed else 0)
        free = end - HEADER - toc - keys - values
        assert free >= 0
        struct.pack_into("<HHIHHHHHHHH", block, 32, flags, level, len(records), 0, toc, keys, free, 0xffff, 0, 0xffff, 0)
        if footer:
            block[end:] = footer
        return block

    def store(self, block, root, oid=None, at=None):
        at = at or self.c.take()
        if self.omap is not None:
            oid = oid or self.c.new_oid()
            self.omap[oid] = at
        else:
            oid = at
        kind = (ROOT_NODE if root else NODE) | (VIRTUAL if self.omap is not None else PHYSICAL)
        struct.pack_into("<QQII", block, 8, oid, self.xid, kind, self.subtype)
        self.c.put_object(at, block)
        self.nodes += 1
        return oid

    def build(self, records, oid=None, at=None):
        """The root's number, which may be given, and its block."""
        level, row = 0, list(records)
        longest = [max((len(r[i]) for r in row), default=0) for i in (0, 1)]
        count = len(row)
        while True:
            nodes = self.cut(row, level)
            if len(nodes) == 1:
                break
            row = [(n[0][0], struct.pack("<Q", self.store(self.node(n, level), False))) for n in nodes]
            level += 1
        sizes = self.fixed or (0, 0)
        if self.fixed:
            longest = list(self.fixed)
        footer = struct.pack("<IIIIIIQQ", self.flags, BLOCK, *sizes, *longest, count, self.nodes + 1)
        return self.store(self.node(nodes[0], level, footer), True, oid, at)


class Volume:
    def __init__(self, c, index, name):
        self.c, self.index, self.name = c, index, name
        self.records, self.extents = {}, {}  # (id, type, order) -> (key, value); block -> [length, owner, links]
        self.next_id, self.counts = 16, {DIR: 0, REG: 0, LINK: 0}
        self.children, self.flags, self.nodes = {2: 0, 3: 0}, {}, {}
        self.add_inode(2, 1, "root", DIR)
        self.add_inode(3, 1, "private-dir", DIR)
        self.add_entry(1, "root", 2, DIR)
        self.add_entry(1, "private-dir", 3, DIR)

    def new_id(self):
        self.next_id += 1
        return self.next_id - 1

    def put(self, number, kind, order, key, value):
        self.records[number, kind, order] = (struct.pack("<Q", number | kind << 60) + key, value)

    def add_inode(self, number, parent, name, kind, links=1, flags=NO_FORK, stream=None, private=None):
        mode = {DIR: 0o40755, REG: 0o100644, LINK: 0o120755}[kind]
        fields = [(4, 2, name.encode() + b"\0")]
        if stream:
            size, room, holes = stream
            fields.append((8, 0x20, struct.pack("<QQQQQ", size, room, 0, size, 0)))
            if holes:
                fields.append((13, 0x28, struct.pack("<Q", holes)))
                flags |= SPARSE
        self.nodes[number] = [parent, private or number, flags, links, mode, xfields(fields), kind]

    def add_entry(self, parent, name, number, kind, sibling=None):
        number_of = name_hash(name)
        fields = [(1, 0, struct.pack("<Q", sibling))] if sibling else []
        self.put(parent, ENTRY, (number_of, name), struct.pack("<I", number_of) + name.encode() + b"\0",
                 struct.pack("<QQH", number, 0, kind) + xfields(fields))
        self.children[parent] = self.children.get(parent, 0) + 1

    def folder(self, parent, name):
        number = self.new_id()
        self.add_inode(number, parent, name, DIR)
        self.add_entry(parent, name, number, DIR)
        self.children.setdefault(number, 0)
        self.counts[DIR] += 1
        return number

    def content(self, size, piece, holes=()):
        """Blocks of `piece` at most, with gaps between; [(start, first block or 0, blocks)]"""
        runs, start, blocks = [], 0, -(-size // BLOCK)
        while start < blocks:
            n = min(self.c.chance.randint(1, piece), blocks - start)
            if len(runs) in holes:
                runs.append((start, 0, n))
            else:
                first = self.c.take(n, self.c.chance.choice((0, 0, 1, 3)))
                if not self.c.empty:
                    self.c.write(first, self.c.chance.randbytes(n * BLOCK))
                runs.append((start, first, n))
            start += n
        return runs

    def add_stream(self, owner, runs, links=1, attribute=False):
        if not attribute:
            self.put(owner, STREAM, 0, b"", struct.pack("<I", links))
        for start, first, n in runs:
            self.put(owner, EXTENT, start, struct.pack("<Q", start * BLOCK), struct.pack("<QQQ", n * BLOCK, first, 0))
            if first:
                self.extents.setdefault(first, [n, owner, 0])[2] += 1
        return sum(r[2] for r in runs) * BLOCK, sum(r[2] for r in runs if not r[1]) * BLOCK

    def file(self, parent, name, size, piece=8, holes=(), shared=(), flags=NO_FORK):
        """shared: runs that it begins with"""
        number = self.new_id()
        runs = list(shared)
        end = sum(r[2] for r in runs)
        runs += [(end + s, b, n) for s, b, n in self.content(max(size - end * BLOCK, 0), piece, holes)]
        room, empty = self.add_stream(number, runs)
        self.add_inode(number, parent, name, REG, stream=(size, room, empty), flags=flags | (CLONED if shared else 0))
        self.add_entry(parent, name, number, REG)
        self.counts[REG] += 1
        return number, runs

    def clone(self, parent, name, number):
        """All of a file's content, until one of them is written to."""
        _, _, _, _, _, fields, _ = self.nodes[number]
        self.nodes[number][2] |= CLONED
        other = self.new_id()
        self.add_inode(other, parent, name, REG, flags=NO_FORK | CLONED, private=number)
        size, room = struct.unpack_from("<QQ", fields, len(fields) - 40)
        self.nodes[other][5] = xfields([(4, 2, name.encode() + b"\0"),
                                        (8, 0x20, struct.pack("<QQQQQ", size, room, 0, size, 0))])
        self.put(number, STREAM, 0, b"", struct.pack("<I", 2))
        self.add_entry(parent, name, other, REG)
        self.counts[REG] += 1
        return other

    def link(self, number, first, others):
        """first, others: (parent, name); the first is the one there is"""
        self.nodes[number][3] = 1 + len(others)
        for parent, name in [first, *others]:
            sibling = self.new_id()
            self.put(number, SIBLING, sibling, struct.pack("<Q", sibling),
                     struct.pack("<QH", parent, len(name.encode()) + 1) + name.encode() + b"\0")
            self.put(sibling, SIBLING_MAP, 0, b"", struct.pack("<Q", number))
            if (parent, name) == first:
                self.children[parent] -= 1
            self.add_entry(parent, name, number, REG, sibling)

    def symlink(self, parent, name, target):
        number = self.new_id()
        self.add_inode(number, parent, name, LINK)
        self.add_entry(parent, name, number, LINK)
        self.add_attribute(number, "com.apple.fs.symlink", 6, target.encode() + b"\0")
        self.counts[LINK] += 1

    def add_attribute(self, number, name, flags, data):
        self.put(number, XATTR, name.encode(), struct.pack("<H", len(name) + 1) + name.encode() + b"\0",
                 struct.pack("<HH", flags, len(data)) + data)

    def stream(self, number, name, size, piece=4):
        stream = self.new_id()
        room, _ = self.add_stream(stream, self.content(size, piece), attribute=True)
        self.add_attribute(number, name, 1, struct.pack("<QQQQQQ", stream, size, room, 0, size, 0))
        if name == "com.apple.ResourceFork":
            self.nodes[number][2] = self.nodes[number][2] & ~NO_FORK | FORK

    def sorted_records(self):
        for number, (parent, private, flags, links, mode, fields, kind) in self.nodes.items():
            self.put(number, INODE, 0, b"", struct.pack(
                "<QQQQQQQIIIIIIHHQ", parent, private, 0, 0, 0, 0, flags,
                self.children.get(number, 0) if kind == DIR else links, 0, 1, 0, 0, 0, mode, 0, 0) + fields)
        return [self.records[k] for k in sorted(self.records)]


class Stored:
    """Where a volume lies, and what it has from mkapfs."""

    def __init__(self, c, volume, omap_at):
        self.c, self.v = c, volume
        self.map = {}  # (oid, transaction) -> block
        self.omap_at, self.kept = omap_at, []
        first = c.get(c.super, "Q", 184)
        if not volume.index:
            self.oid, self.at = first, c.omap[first]
            self.super = c.read(self.at)
            self.root_oid = c.get(self.super, "Q", 136)
            self.trees = [c.get(self.super, "Q", at) for at in (144, 152)]
            self.omap_root = c.get(c.read(omap_at), "Q", 48)
            self.root_at = c.get(c.read(self.omap_root), "Q", BLOCK - FOOTER - 8)
        else:
            self.oid, self.at = c.new_oid(), c.take()
            self.super = c.read(c.omap[first])
            self.root_oid, self.root_at = c.new_oid(), c.take()
            self.trees, self.omap_root = [c.take(), c.take()], c.take()
            omap = c.read(omap_at)
            self.omap_at = c.take()
            struct.pack_into("<Q", omap, 8, self.omap_at)
            struct.pack_into("<Q", omap, 48, self.omap_root)
            c.put_object(self.omap_at, omap)
            struct.pack_into("<Q", self.super, 8, self.oid)
            struct.pack_into("<I", self.super, 36, volume.index)
            for at, value in ((128, self.omap_at), (136, self.root_oid), (144, self.trees[0]), (152, self.trees[1])):
                struct.pack_into("<Q", self.super, at, value)
            self.super[240:256] = c.chance.randbytes(16)
            self.super[704:960] = volume.name.encode().ljust(256, b"\0")
            c.omap[self.oid] = self.at
            struct.pack_into("<Q", c.super, 184 + 8 * volume.index, self.oid)
        self.blocks = 0

    def extent_records(self, skip=()):
        out = []
        for first, (n, owner, links) in sorted(self.v.extents.items()):
            if first not in skip:
                out.append((struct.pack("<Q", first | 2 << 60), struct.pack("<QQI", n | 1 << 60, owner, links)))
        return out

    def write(self, snapshot=None, encrypt=False):
        """snapshot: (name, extents it has)"""
        c, v = self.c, self.v
        c.xid += 1 if snapshot else 0
        nodes = {}
        tree = Tree(c, FS_TREE, omap=nodes)
        tree.build(v.sorted_records(), self.root_oid, None if snapshot else self.root_at)
        self.map.update({(oid, c.xid): at for oid, at in nodes.items()})
        self.blocks += tree.nodes
        if encrypt:
            for at in nodes.values():
                c.write(at, c.chance.randbytes(BLOCK))
        extents = Tree(c, EXTENTS)
        at = c.take() if snapshot else self.trees[0]
        skip = snapshot[1] if snapshot else ()
        extents.build(self.extent_records(skip), at=at)
        self.trees[0] = at
        struct.pack_into("<Q", self.super, 144, at)
        self.blocks += extents.nodes + sum(e[0] for first, e in v.extents.items() if first not in skip)
        self.write_snapshots(snapshot)
        omap = Tree(c, OMAP, (16, 16))
        omap.build([(struct.pack("<QQ", *key), struct.pack("<IIQ", 4 if encrypt else 0, BLOCK, self.map[key]))
                    for key in sorted(self.map)], at=self.omap_root)
        self.finish(omap, encrypt, snapshot)

    def write_snapshots(self, snapshot):
        c = self.c
        meta = Tree(c, SNAP_META)
        records = []
        if snapshot:
            xid, extents, name = c.xid - 1, self.kept[0], snapshot[0].encode() + b"\0"
            records = [(struct.pack("<Q", xid | 1 << 60), struct.pack(
                "<QQQQQIIH", extents, self.kept[1], 0, 0, 0, PHYSICAL | ROOT_NODE, 0, len(name)) + name),
                (struct.pack("<QH", 0xbfffffffffffffff, len(name)) + name, struct.pack("<Q", xid))]
            snaps = Tree(c, OMAP_SNAPS, (8, 16))
            omap = c.read(self.omap_at)
            at = snaps.build([(struct.pack("<Q", xid), struct.pack("<IIQ", 0, 0, 0))])
            struct.pack_into("<I", omap, 36, 1)
            struct.pack_into("<QQ", omap, 56, at, xid)
            struct.pack_into("<Q", omap, 16, c.xid)
            c.put_object(self.omap_at, omap)
            self.blocks += 1
        meta.build(records, at=self.trees[1])
        self.blocks += meta.nodes

    def keep(self):
        """A copy of the volume's superblock for a snapshot, and the extents that it has."""
        at = self.c.take()
        block = bytearray(self.super)
        struct.pack_into("<Q", block, 128, 0)
        struct.pack_into("<QQI", block, 8, at, self.c.xid, PHYSICAL | 0xd)
        struct.pack_into("<Q", block, 144, 0)
        struct.pack_into("<Q", block, 152, 0)
        self.c.put_object(at, block)
        self.kept = [self.trees[0], at]
        self.blocks += 1

    def finish(self, omap, encrypt, snapshot):
        v = self.v
        used = self.blocks + omap.nodes + 1
        struct.pack_into("<QQQQQQ", self.super, 176, v.next_id, v.counts[REG], v.counts[DIR], v.counts[LINK], 0,
                         1 if snapshot else 0)
        struct.pack_into("<Q", self.super, 88, used)
        struct.pack_into("<Q", self.super, 224, used)
        struct.pack_into("<Q", self.super, 16, self.c.xid)
        if encrypt:
            flags = self.c.get(self.super, "Q", 264)
            struct.pack_into("<Q", self.super, 264, flags & ~1)
        self.c.put_object(self.at, self.super)


def fill(v, n, pieces):
    """Folders, and n files; what is special is in a folder of its own."""
    chance = v.c.chance
    folders = [2]
    for i in range(max(n // 20, 3)):
        folders.append(v.folder(chance.choice(folders), f"folder {i}"))
    for i in range(n):
        size = chance.choice((0, 100, 3000, 9000, 20000, 60000, 130000))
        v.file(chance.choice(folders), f"file {i}.bin", size, chance.choice((1, 4, 40)))
    special = v.folder(2, "Étage spécial")
    many, _ = v.file(special, "many pieces", pieces * BLOCK, 1)
    v.file(special, "holes", pieces // 3 * BLOCK - 77, 3, holes=range(0, 200, 3))
    first, runs = v.file(special, "first", 200000, 5)
    v.clone(folders[1], "twin of first", first)
    v.file(special, "begins as first", 300001, 6, shared=runs[:-1])
    v.nodes[first][2] |= CLONED
    v.stream(many, "com.apple.ResourceFork", 100001)
    v.stream(first, "com.example.big attribute", 50000)
    v.add_attribute(first, "com.example.small", 2, b"x" * 200)
    v.link(many, (special, "many pieces"), [(folders[2], "second name"), (folders[-1], "third name")])
    v.symlink(special, "link", "many pieces")
    v.folder(special, "empty")


def change(v):
    """What comes after a snapshot: some files go, others come."""
    gone = [n for n, node in v.nodes.items() if node[6] == REG and node[5].find(b"file ") >= 0][::3]
    for number in gone:
        parent = v.nodes.pop(number)[0]
        mine = [k for k, (key, value) in v.records.items()
                if k[0] == number or (k[1] == ENTRY and struct.unpack_from("<Q", value)[0] == number)]
        for k in mine:
            del v.records[k]
        v.extents = {b: e for b, e in v.extents.items() if e[1] != number}
        v.children[parent] -= 1
        v.counts[REG] -= 1
    for i in range(10):
        v.file(2, f"new {i}.bin", 20000, 3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("image")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=400)
    parser.add_argument("--volumes", type=int, default=1)
    parser.add_argument("--pieces", type=int, default=900)
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--encrypt", type=int)
    parser.add_argument("--snapshot", action="store_true")
    args = parser.parse_args()
    c = Container(args.image, args.seed, args.empty)
    omap_at = c.get(c.super, "Q", 160)
    omap_root = c.get(c.read(omap_at), "Q", 48)
    c.omap[c.get(c.super, "Q", 184)] = c.get(c.read(omap_root), "Q", BLOCK - FOOTER - 8)
    first = c.read(c.get(c.read(omap_root), "Q", BLOCK - FOOTER - 8))
    for i in range(args.volumes):
        volume = Volume(c, i, f"Volume {i}")
        fill(volume, args.files, args.pieces)
        stored = Stored(c, volume, c.get(first, "Q", 128))
        stored.write(encrypt=args.encrypt == i)
        if args.snapshot and not i:
            stored.keep()
            before = set(volume.extents)
            change(volume)
            stored.write(("before", before))
    Tree(c, OMAP, (16, 16)).build([(struct.pack("<QQ", oid, c.xid), struct.pack("<IIQ", 0, BLOCK, at))
                                   for oid, at in sorted(c.omap.items())], at=omap_root)
    c.finish()


main()
