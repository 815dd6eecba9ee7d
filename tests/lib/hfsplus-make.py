#!/usr/bin/env python3
# hfsplus-make.py - an HFS+ or HFSX volume with files, made from nothing: Debian has no mkfs for it
# SPDX-License-Identifier: GPL-3.0-or-later
"""
hfsplus-make.py FILE SIZE [--block BYTES] [--x] [--journal BYTES] [--wrapper] [--files FOLDER] [--fill BYTES]
                [--scatter] [--pieces N] [--tail BYTES] [--pending] [--rich] [--large] [--blank]
--scatter: files lie in pieces with free blocks between them (so that the extents file has something to tell);
--pieces: the allocation file does; --fill: one more file of that size, at most; --tail: bytes behind the volume that
the partition has; --pending: not unmounted, and the journal says that the last free blocks are used; --rich: resource
forks, attributes, a symlink, files and a folder with several names; --large: an attribute with blocks of its own, too,
which sleuthkit does not know; --blank: all these are few and zeros. Structures: Apple Technical Note TN1150; xnu's
hfs_format.h.
"""
import argparse
import os
import struct
import time

NOW = int(time.time()) + 2082844800
ROOT, FIRST = 2, 16
EXTENTS, CATALOG, ALLOCATION, ATTRIBUTES = 3, 4, 6, 8
NODE = {EXTENTS: 4096, CATALOG: 8192, ATTRIBUTES: 4096}
PRIVATE = "\0\0\0\0HFS+ Private Data", ".HFS+ Private Directory Data\r"


class Volume:
    def __init__(self, size, block, tail):
        self.block, self.size = block, size
        self.total = (size - tail) // block
        self.data = {}  # block -> bytes
        self.used = bytearray(self.total)
        self.next = 0
        self.overflow = []  # (id, kind, start, runs)
        self.take_at(0, -(-1536 // block))
        end = self.total * block if tail >= 1024 else size
        first = (end - 1024) // block
        if first < self.total:
            self.take_at(first, self.total - first)
        self.end = end

    def take_at(self, start, count):
        assert not any(self.used[start:start + count])
        self.used[start:start + count] = b"\1" * count

    def free_blocks(self):
        return self.total - sum(self.used)

    def run(self, count):
        """the next stretch of that many free blocks, or a shorter one at the end"""
        at = self.used.find(0, self.next)
        at = end = at if at >= 0 else self.used.index(0)
        while end < self.total and end - at < count and not self.used[end]:
            end += 1
        self.take_at(at, end - at)
        self.next = end
        return at, end - at

    def take(self, count, most=0):
        """runs of `count` blocks, of `most` each with a hole behind them"""
        runs = []
        while count:
            runs.append(self.run(min(count, most) if most else count))
            count -= runs[-1][1]
            if most:
                self.next = min(self.next + 1, self.total - 1)
        return runs

    def write(self, runs, content):
        at = 0
        for start, count in runs:
            for i in range(start, start + count):
                self.data[i] = content[at:at + self.block]
                at += self.block

    def fork(self, number, length, runs, clump=0, kind=0):
        for i in range(8, len(runs), 8):
            self.overflow.append((number, kind, sum(n for _, n in runs[:i]), runs[i:i + 8]))
        head = struct.pack(">QII", length, clump, sum(n for _, n in runs))
        return head + pack_runs(runs[:8])


def pack_runs(runs):
    return b"".join(struct.pack(">II", *r) for r in runs).ljust(64, b"\0")


# --- B-trees ---


def node(size, kind, height, records, after=0, before=0):
    out = struct.pack(">IIBBHH", after, before, kind & 255, height, len(records), 0)
    offsets = []
    for record in records:
        offsets.append(len(out))
        out += record
    offsets.append(len(out))
    table = b"".join(struct.pack(">H", at) for at in reversed(offsets))
    assert len(out) + len(table) <= size
    return out + bytes(size - len(out) - len(table)) + table


def split(records, size):
    """the records of each node"""
    groups, room = [], 0
    for record in records:
        if room < len(record) + 2:
            groups.append([])
            room = size - 14 - 2
        groups[-1].append(record)
        room -= len(record) + 2
    return groups


def key_of(record):
    return record[:2 + struct.unpack(">H", record[:2])[0]]


def btree(size, records, nodes, key_len, attributes, compare):
    """the bytes of a B-tree of that many nodes, whose records are sorted"""
    levels, out, number = [split(records, size)] if records else [], {}, 1
    while levels and len(levels[-1]) > 1:
        first = number
        number += len(levels[-1])
        index = [key_of(group[0]) + struct.pack(">I", first + i) for i, group in enumerate(levels[-1])]
        levels.append(split(index, size))
    number = 1
    for height, groups in enumerate(levels, 1):
        for i, group in enumerate(groups):
            out[number + i] = node(size, -1 if height == 1 else 0, height, group,
                                   number + i + 1 if i + 1 < len(groups) else 0, number + i - 1 if i else 0)
        number += len(groups)
    nodes = max(nodes, number + 1)
    header = struct.pack(">HIIIIHHIIHIBBI", len(levels), number - 1 if levels else 0, len(records),
                         1 if levels else 0, len(levels[0]) if levels else 0, size, key_len, nodes,
                         nodes - number, 0, 65536, 0, compare, attributes).ljust(106, b"\0")
    bits = bytearray(size - 256)
    for i in range(number):
        bits[i >> 3] |= 128 >> (i & 7)
    out[0] = node(size, 1, 0, [header, bytes(128), bytes(bits)])
    return b"".join(out.get(i, bytes(size)) for i in range(nodes))


# --- the catalog ---


def catalog_key(parent, name):
    wide = name.encode("utf-16-be")
    return struct.pack(">HIH", 6 + len(wide), parent, len(wide) // 2) + wide


def thread(kind, parent, name):
    return struct.pack(">hhI", kind, 0, parent) + catalog_key(0, name)[6:]


def common(mode, special=1, kind=b""):
    return struct.pack(">IIIII", NOW, NOW, NOW, NOW, 0) + struct.pack(">IIBBHI", 0, 0, 0, 0, mode, special) + kind.ljust(40, b"\0")


def attribute(number, name, start, data):
    wide = name.encode("utf-16-be")
    return number, wide, start, struct.pack(">HHIIH", 12 + len(wide), 0, number, start, len(wide) // 2) + wide + data


class Catalog:
    def __init__(self, volume, args):
        self.volume, self.scatter, self.exact = volume, args.scatter, args.x
        self.rich, self.large = args.rich, args.large
        self.noise = bytes if args.blank else os.urandom  # of that many bytes
        self.next, self.files, self.folders = FIRST, 0, 0
        self.records, self.attributes = [], []

    def add(self, parent, name, data):
        order = name if self.exact else name.lower().replace("\0", "\uffff")
        self.records.append((parent, order, catalog_key(parent, name) + data))

    def add_folder(self, number, parent, name, entries):
        self.add(parent, name, struct.pack(">hHII", 1, 0, entries, number) + common(0o40755))
        self.add(number, "", thread(3, parent, name))

    def store(self, number, content):
        """the runs of that content"""
        runs = self.volume.take(-(-len(content) // self.volume.block), 1 + number % 3 if self.scatter else 0)
        self.volume.write(runs, content)
        return runs

    def add_file(self, parent, name, content, resources=b"", number=0, info=common(0o100644), flags=2):
        v, number = self.volume, number or self.number()
        fork = v.fork(number, len(content), self.store(number, content))
        fork += v.fork(number, len(resources), self.store(number, resources), kind=255)
        self.add(parent, name, struct.pack(">hHII", 2, flags, 0, number) + info + fork)
        self.add(number, "", thread(4, parent, name))
        self.files += 1
        return number

    def add_link(self, parent, name, target, kind=b"hlnkhfs+"):
        self.add_file(parent, name, b"", info=common(0o100644, target, kind))

    def number(self):
        self.next += 1
        return self.next - 1

    def add_attribute(self, number, name, content):
        """one in its record, or with blocks of its own"""
        if len(content) < 3000:
            data = struct.pack(">IIII", 0x10, 0, 0, len(content)) + content + bytes(len(content) % 2)
            self.attributes.append(attribute(number, name, 0, data))
            return
        runs = self.store(number, content)
        head = struct.pack(">IIQII", 0x20, 0, len(content), 0, sum(n for _, n in runs)) + pack_runs(runs[:8])
        self.attributes.append(attribute(number, name, 0, head))
        for i in range(8, len(runs), 8):
            more = struct.pack(">II", 0x30, 0) + pack_runs(runs[i:i + 8])
            self.attributes.append(attribute(number, name, sum(n for _, n in runs[:i]), more))

    def add_rich(self):
        """what a Mac has beside plain files; sixteen names in the root"""
        files, folders, inner = self.number(), self.number(), self.number()
        self.add_folder(files, ROOT, PRIVATE[0], 4)
        self.add_folder(folders, ROOT, PRIVATE[1], 1)
        self.folders += 3
        for i in range(4):
            inode = self.next
            self.add_file(files, f"iNode{inode}", self.noise(9000 + 20000 * i))
            for name in (f"first name {i}", f"Second name {i}"):
                self.add_link(ROOT, name, inode)
        self.add_folder(inner, folders, f"dir_{inner}", 1)
        self.add_file(inner, "in a folder with two names", self.noise(20000))
        for name in ("linked folder", "the other folder"):
            self.add_link(ROOT, name, inner, b"fdrpMACS")
        self.add_file(ROOT, "a link", b"somewhere/else", info=common(0o120755, 1, b"slnkrhap"))
        self.add_file(ROOT, "this/that: u\u0308", self.noise(5000))
        forked = self.add_file(ROOT, "with resources", self.noise(30000), self.noise(90000), flags=6)
        self.add_attribute(forked, "com.apple.FinderInfo", bytes(range(32)))
        if self.large:
            self.add_attribute(forked, "large", self.noise(100000))
        for i in range(4 if self.noise is bytes else 60):
            number = self.add_file(inner, f"marked {i}", self.noise(600), flags=6)
            self.add_attribute(number, "com.apple.metadata:kMDItemWhereFroms", self.noise(300))

    def add_tree(self, number, parent, name, path, fill):
        entries = sorted(os.listdir(path)) if path else []
        rich = 15 if self.rich and number == ROOT else 0
        self.add_folder(number, parent, name, len(entries) + (1 if fill else 0) + rich)
        for entry in entries:
            inner = os.path.join(path, entry)
            if os.path.isdir(inner):
                self.folders += 1
                self.add_tree(self.number(), number, entry, inner, 0)
            else:
                with open(inner, "rb") as f:
                    self.add_file(number, entry, f.read())
        if rich:
            self.add_rich()
        if fill:
            self.add_file(number, "zz-filler.bin", os.urandom(min(fill, self.volume.free_blocks() * self.volume.block)))

    def sorted(self):
        return [r for _, _, r in sorted(self.records, key=lambda r: (r[0], r[1].encode("utf-16-be")))]


# --- the volume ---


def put_tree(volume, number, runs, records, key_len, attributes, compare):
    size, room = NODE[number], sum(n for _, n in runs) * volume.block
    content = btree(size, records, room // size, key_len, attributes, compare)
    assert len(content) == room, f"tree {number} has no room"
    volume.write(runs, content)
    return volume.fork(number, room, runs, 65536)


def journal_sum(data):
    total = 0
    for byte in data:
        total = (total << 8 & 0xffffffff) ^ (total + byte & 0xffffffff)
    return ~total & 0xffffffff


def sealed(data, length, at):
    """with the checksum of that many bytes; as a little-endian machine writes it"""
    return data[:at] + struct.pack("<I", journal_sum(data[:length])) + data[at + 4:]


def put_journal(volume, size):
    """its info block's number, and where it starts"""
    (info, _), = volume.take(1)
    (start, _), = volume.take(size // volume.block)
    volume.write([(info, 1)], struct.pack(">I32xQQ", 1, start * volume.block, size).ljust(volume.block, b"\0"))
    return info, start


def write_journal(volume, start, size, pending):
    """pending: (block, content), to be replayed"""
    ring = b""
    for block, content in pending:
        head = struct.pack("<HHIII", 255, 2, 4096 + len(content), 0, 0) + bytes(16)
        head += struct.pack("<QII", block * volume.block // 512, len(content), 0)
        ring += sealed(head.ljust(4096, b"\0"), 32, 8) + content
    header = struct.pack("<IIQQQIII", 0x4a4e4c78, 0x12345678, 512, 512 + len(ring), size, 4096, 0, 512)
    ring = sealed(header, 44, 36).ljust(512, b"\0") + ring
    volume.write([(start, size // volume.block)], ring.ljust(size, b"\0"))


def bits_of(used, size):
    used = used + bytes(-len(used) % 8)
    number = 0
    for i in range(8):
        number |= int.from_bytes(used[i::8], "big") << 7 - i
    return number.to_bytes(len(used) // 8, "big").ljust(size, b"\0")


def make(args):
    v = Volume(args.size, args.block, args.tail)
    bitmap_bytes = -(-(-(-v.total // 8)) // v.block) * v.block
    bitmap = v.take(bitmap_bytes // v.block, -(-bitmap_bytes // v.block // args.pieces) if args.pieces else 0)
    allocation = v.fork(ALLOCATION, bitmap_bytes, bitmap, v.block)
    journal, journal_start = put_journal(v, args.journal) if args.journal else (0, 0)
    count = sum(len(d) + len(f) for _, d, f in os.walk(args.files)) if args.files else 0
    # room for the two trees before the files, so that the volume can be made in one go
    catalog_runs = v.take((16 + count // 64 * 8) * NODE[CATALOG] // v.block)
    extents_runs = v.take((64 + count // 8 if args.scatter else 16) * NODE[EXTENTS] // v.block)
    attributes_runs = v.take(16 * NODE[ATTRIBUTES] // v.block) if args.rich else []
    c = Catalog(v, args)
    c.add_tree(ROOT, 1, "t-hfsplus", args.files, args.fill)
    overflow = [struct.pack(">HBBII", 10, kind, 0, number, start) + pack_runs(runs)
                for number, kind, start, runs in sorted(v.overflow)]
    marks = put_tree(v, ATTRIBUTES, attributes_runs, [r[3] for r in sorted(c.attributes)], 266, 6, 0) \
        if args.rich else bytes(80)
    extents = put_tree(v, EXTENTS, extents_runs, overflow, 10, 2, 0)
    catalog = put_tree(v, CATALOG, catalog_runs, c.sorted(), 516, 6, 0xbc if args.x else 0)
    bits = bits_of(v.used, bitmap_bytes)
    v.write(bitmap, bits)
    if args.journal:
        pending = []
        if args.pending:
            last = v.used.rindex(b"\0")
            pending.append((bitmap[-1][0], bits_of(v.used[:last - 7] + b"\1" * 8, bitmap_bytes)[-v.block * bitmap[-1][1]:]))
        write_journal(v, journal_start, args.journal, pending)
    attributes = (0 if args.pending else 0x100) | (0x2000 if args.journal else 0)
    header = struct.pack(">HHII", 0x4858 if args.x else 0x482b, 5 if args.x else 4, attributes,
                         0x4846534a if args.journal else 0x31302e30)
    header += struct.pack(">IIIII", journal, NOW, NOW, 0, NOW) + struct.pack(">II", c.files, c.folders)
    header += struct.pack(">IIIIII", v.block, v.total, v.free_blocks(), v.next, 65536, 65536)
    header += struct.pack(">IIQ", c.next, 1, 1) + bytes(24) + os.urandom(8)
    header += allocation + extents + catalog + marks + bytes(80)
    assert len(header) == 512
    return v, header


def wrapper(size):
    """the HFS volume around: its master directory block, and where the HFS+ volume is"""
    unit = 4096
    start, count = 8, size // unit
    mdb = struct.pack(">HIIH", 0x4244, NOW, NOW, 0x8300) + bytes(6) + struct.pack(">HI", count + 16, unit)
    mdb = mdb.ljust(28, b"\0") + struct.pack(">H", 4)
    mdb = mdb.ljust(124, b"\0") + struct.pack(">HHH", 0x482b, start, count)
    return mdb.ljust(512, b"\0"), 4 * 512 + start * unit


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("file")
    p.add_argument("size", type=int)
    p.add_argument("--block", type=int, default=4096)
    p.add_argument("--x", action="store_true")
    p.add_argument("--journal", type=int, default=0)
    p.add_argument("--wrapper", action="store_true")
    p.add_argument("--files")
    p.add_argument("--fill", type=int, default=0)
    p.add_argument("--scatter", action="store_true")
    p.add_argument("--pieces", type=int, default=0)
    p.add_argument("--tail", type=int, default=0)
    p.add_argument("--pending", action="store_true")
    p.add_argument("--rich", action="store_true")
    p.add_argument("--large", action="store_true")
    p.add_argument("--blank", action="store_true")
    args = p.parse_args()
    whole = args.size
    if args.wrapper:
        args.size -= 64 * 4096
    v, header = make(args)
    base = 0
    with open(args.file, "wb") as f:
        if args.wrapper:
            mdb, base = wrapper(args.size)
            for at in (1024, whole - 1024):
                f.seek(at)
                f.write(mdb)
        for block, content in v.data.items():
            f.seek(base + block * v.block)
            f.write(content)
        for at in (1024, v.end - 1024):
            f.seek(base + at)
            f.write(header)
        f.truncate(whole)


main()
