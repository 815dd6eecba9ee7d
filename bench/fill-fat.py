#!/usr/bin/env python3
# fill-fat.py - the tree of fill-tree.py in a fresh FAT32 or exFAT, written without a driver: no kernel, no mount
# SPDX-License-Identifier: GPL-3.0-or-later
"""
fill-fat.py VOLUME FILES    FILES stay (in folders of a thousand), every sixth that was made is deleted again
fill-fat.py VOLUME dirty    it was not unmounted

Files have a cluster each, in the order in which they were made, and hold zeros: what is in them is no matter for a map, and a sparse
volume stays small. Folders, the FAT, exFAT's bitmap and the counts of FAT32 are what a driver would have written.
Structures: Microsoft FAT specification (2005), Microsoft exFAT file system specification (2019).
"""
import array
import struct
import sys

DATE, TIME = 44 << 9 | 1 << 5 | 1, 0
STAMP = DATE << 16
PER_FOLDER = 1000


def parts_of(name, n):
    """the name in pieces of n UTF-16 units, of which all but the last are full"""
    wide = name.encode("utf-16le")
    return [wide[i:i + 2 * n] for i in range(0, len(wide), 2 * n)]


class Fat32:
    """the FAT from 0 on, as far as something is in it; the other copy is the same"""
    END = 0x0FFFFFFF

    def __init__(self, f):
        self.f = f
        boot = f.read(512)
        self.sector, per_cluster, reserved, self.copies = struct.unpack_from("<HBHB", boot, 11)
        length, = struct.unpack_from("<I", boot, 36)
        self.root, info = struct.unpack_from("<IH", boot, 44)
        self.cluster = self.sector * per_cluster
        self.fat_at, self.fat_len, self.info_at = reserved * self.sector, length * self.sector, info * self.sector
        self.heap = self.fat_at + self.copies * self.fat_len
        f.seek(self.fat_at)
        self.fat = array.array("I", f.read(12))
        f.seek(self.heap + (self.root - 2) * self.cluster)
        self.top = f.read(self.cluster).rstrip(b"\0")
        self.top = bytearray(self.top.ljust(-(-len(self.top) // 32) * 32, b"\0"))

    def set_dirty(self):
        """the bit of a clean end, in all copies of the FAT"""
        self.fat[1] &= ~0x08000000
        for copy in range(self.copies):
            self.f.seek(self.fat_at + copy * self.fat_len)
            self.f.write(self.fat[:2].tobytes())

    def entry(self, name, first, size, folder):
        base, _, end = name.upper().replace(" ", "").partition(".")
        short = (base if len(base) <= 8 else base[:1] + base[-5:] + "~1").ljust(8).encode() + end.ljust(3).encode()
        return self.long_entries(name, short) + self.short_entry(short, first, size, folder)

    def long_entries(self, name, short):
        total, out = 0, b""
        for byte in short:
            total = ((total & 1) << 7 | total >> 1) + byte & 0xFF
        pieces = parts_of(name, 13)
        for i, piece in reversed(list(enumerate(pieces))):
            if len(piece) < 26:
                piece = (piece + b"\0\0").ljust(26, b"\xff")
            out += struct.pack("<B10sBBB12sH4s", i + 1 | (0x40 if i + 1 == len(pieces) else 0), piece[:10], 0x0F, 0, total,
                               piece[10:22], 0, piece[22:])
        return out

    def short_entry(self, short, first, size, folder):
        return struct.pack("<11sBBBHHHHHHHI", short, 0x10 if folder else 0x20, 0, 0, TIME, DATE, DATE, first >> 16, TIME, DATE,
                           first & 0xFFFF, size)

    def head(self, first):
        """what a folder begins with; the root is 0 to its children"""
        return self.short_entry(b".".ljust(11), first, 0, True) + self.short_entry(b"..".ljust(11), 0, 0, True)

    def folder_entry(self, name, first, size):
        return self.entry(name, first, 0, True)

    def delete(self, entries):
        for at in range(0, len(entries), 32):
            entries[at] = 0xE5

    def take(self, count):
        first = len(self.fat)
        self.fat.extend(range(first + 1, first + count))
        self.fat.append(self.END)
        return first

    def release(self, cluster):
        self.fat[cluster] = 0

    def finish(self, deleted):
        chain = [self.root] + [self.take(1) for _ in range(self.cluster, len(self.top), self.cluster)]
        for cluster, following in zip(chain, chain[1:] + [self.END]):
            self.fat[cluster] = following
        for copy in range(self.copies):
            self.f.seek(self.fat_at + copy * self.fat_len)
            self.f.write(self.fat.tobytes())
        self.f.seek(self.info_at + 488)
        free, = struct.unpack("<I", self.f.read(4))
        self.f.seek(self.info_at + 488)
        self.f.write(struct.pack("<II", free - (len(self.fat) - 3) + deleted, len(self.fat)))
        return chain


class ExFat:
    """one FAT that is only used where something is not in one piece: here by the root folder"""

    def __init__(self, f):
        self.f = f
        boot = f.read(512)
        fat, fat_len, heap, count, self.root = struct.unpack_from("<5I", boot, 80)
        sector = 1 << boot[108]
        self.cluster, self.fat_at, self.heap = sector << boot[109], fat * sector, heap * sector
        f.seek(self.heap + (self.root - 2) * self.cluster)
        self.top = bytearray(f.read(self.cluster).rstrip(b"\0"))
        self.top += bytes(-len(self.top) % 32)
        self.map_first, self.map_len = next(struct.unpack_from("<I Q", self.top, at + 20)
                                            for at in range(0, len(self.top), 32) if self.top[at] == 0x81)
        f.seek(self.heap + (self.map_first - 2) * self.cluster)
        self.map = bytearray(f.read(self.map_len))
        self.next = 2
        while self.map[self.next - 2 >> 3] >> (self.next - 2 & 7) & 1:
            self.next += 1
        f.seek(self.fat_at)
        self.fat = array.array("I", f.read(4 * self.next))

    def set_dirty(self):
        self.f.seek(106)
        self.f.write(b"\x02")

    def rotate(self, total, data):
        for byte in data:
            total = ((total << 15 | total >> 1) + byte) & 0xFFFF
        return total

    def entry(self, name, first, size, folder):
        wide = name.upper().encode("utf-16le")
        data = bytearray(struct.pack("<BBHHHIII12xBBBBHHQIIQ", 0x85, 1 + len(parts_of(name, 15)), 0, 0x10 if folder else 0x20, 0,
                                     STAMP, STAMP, STAMP, 0xC0, 3, 0, len(name), self.rotate(0, wide), 0, size, 0, first, size))
        for piece in parts_of(name, 15):
            data += bytes([0xC1, 0]) + piece.ljust(30, b"\0")
        struct.pack_into("<H", data, 2, self.rotate(self.rotate(0, data[:2]), data[4:]))
        return data

    def head(self, first):
        return b""

    def folder_entry(self, name, first, size):
        return self.entry(name, first, size, True)

    def delete(self, entries):
        for at in range(0, len(entries), 32):
            entries[at] &= 0x7F

    def take(self, count):
        first = self.next
        for c in range(first - 2, first - 2 + count):
            self.map[c >> 3] |= 1 << (c & 7)
        self.next += count
        return first

    def release(self, cluster):
        self.map[cluster - 2 >> 3] &= ~(1 << (cluster - 2 & 7))

    def finish(self, deleted):
        chain = [self.root] + [self.take(1) for _ in range(self.cluster, len(self.top), self.cluster)]
        self.fat.extend([0] * (self.next - len(self.fat)))
        for cluster, following in zip(chain, chain[1:] + [0xFFFFFFFF]):
            self.fat[cluster] = following
        self.f.seek(self.fat_at)
        self.f.write(self.fat.tobytes())
        self.f.seek(self.heap + (self.map_first - 2) * self.cluster)
        self.f.write(self.map)
        return chain


def put(volume, cluster, data):
    volume.f.seek(volume.heap + (cluster - 2) * volume.cluster)
    volume.f.write(data)


def fill(volume, made):
    gone = []
    for number in range(-(-made // PER_FOLDER)):
        names = range(number * PER_FOLDER, min((number + 1) * PER_FOLDER, made))
        # as long as all of its entries will be; what they are is known when the files have their clusters
        length = len(volume.head(0)) + len(volume.entry(f"file {names[-1]}", 0, 0, False)) * PER_FOLDER
        size = -(-length // volume.cluster) * volume.cluster
        first = volume.take(size // volume.cluster)
        data = bytearray(volume.head(first))
        for i in names:
            cluster = volume.take(1)
            entries = bytearray(volume.entry(f"file {i}", cluster, 250 * len(f"file {i}\n"), False))
            if i % 6 == 0:
                gone.append(cluster)
                volume.delete(entries)
            data += entries
        put(volume, first, data.ljust(size, b"\0"))
        volume.top += volume.folder_entry(f"d{number}", first, size)
    for cluster in gone:
        volume.release(cluster)
    for i, cluster in enumerate(volume.finish(len(gone))):
        put(volume, cluster, volume.top[i * volume.cluster:(i + 1) * volume.cluster])


path, what = sys.argv[1:]
with open(path, "r+b") as image:
    kind = ExFat if image.read(11)[3:] == b"EXFAT   " else Fat32
    image.seek(0)
    if what == "dirty":
        kind(image).set_dirty()
    else:
        fill(kind(image), int(what) * 6 // 5)
