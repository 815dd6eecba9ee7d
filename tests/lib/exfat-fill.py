#!/usr/bin/env python3
# exfat-fill.py - files and folders in a fresh exFAT, without a mount: in one piece, in chains, deleted
# SPDX-License-Identifier: GPL-3.0-or-later
"""
exfat-fill.py IMAGE TREE COUNT [full|zeros]  COUNT files in three folders of IMAGE, the same below the folder TREE; every
                                        second one is deleted again. full: one more file takes all that is left;
                                        zeros: that is what they hold
exfat-fill.py IMAGE dump DIR            all files of IMAGE into the new folder DIR
Structures: Microsoft exFAT file system specification (2019).
"""
import os
import random
import struct
import sys

END = 0xFFFFFFFF
STAMP = (44 << 25) | (1 << 21) | (1 << 16)
CONTIGUOUS = 2


class Volume:
    def __init__(self, path):
        self.f = open(path, "r+b")
        boot = self.f.read(512)
        fat, _, heap, self.count, self.root = struct.unpack_from("<5I", boot, 80)
        sector = 1 << boot[108]
        self.cluster = sector << boot[109]
        self.fat_at, self.heap = fat * sector, heap * sector
        self.f.seek(self.fat_at)
        self.fat = list(struct.unpack(f"<{self.count + 2}I", self.f.read(4 * (self.count + 2))))
        self.root_entries = self.read(self.root, None, False)
        for at in range(0, len(self.root_entries), 32):
            if self.root_entries[at] == 0x81:
                self.map_first, self.map_len = struct.unpack_from("<I Q", self.root_entries, at + 20)
        self.map = bytearray(self.read(self.map_first, self.map_len, False))

    def chain(self, first, size, contiguous):
        left = END if size is None else -(-size // self.cluster)
        while left > 0 and first != END:
            yield first
            first = first + 1 if contiguous else self.fat[first]
            left -= 1

    def read(self, first, size, contiguous):
        parts = []
        for cluster in self.chain(first, size, contiguous):
            self.f.seek(self.heap + (cluster - 2) * self.cluster)
            parts.append(self.f.read(self.cluster))
        return b"".join(parts)[:size]

    def used(self, cluster):
        return self.map[(cluster - 2) >> 3] >> ((cluster - 2) & 7) & 1

    def free(self):
        return [c for c in range(2, self.count + 2) if not self.used(c)]

    def write(self, data, pieces):
        """data into free clusters, in one piece or in several; (first cluster, flags)"""
        need = -(-len(data) // self.cluster)
        free = self.free()
        if pieces:
            chosen = free[:2 * need:2] if len(free) >= 2 * need else free[:need]
        else:
            chosen = next(free[i:i + need] for i in range(len(free) - need + 1)
                          if free[i + need - 1] - free[i] == need - 1)
        for i, cluster in enumerate(chosen):
            self.map[(cluster - 2) >> 3] |= 1 << ((cluster - 2) & 7)
            if pieces:
                self.fat[cluster] = chosen[i + 1] if i + 1 < need else END
            self.f.seek(self.heap + (cluster - 2) * self.cluster)
            self.f.write(data[i * self.cluster:(i + 1) * self.cluster].ljust(self.cluster, b"\0"))
        return chosen[0], 1 if pieces else 1 | CONTIGUOUS

    def release(self, first, size, contiguous):
        """what the FAT says of them stays, as with real drivers"""
        for c in self.chain(first, size, contiguous):
            self.map[(c - 2) >> 3] &= ~(1 << ((c - 2) & 7))

    def finish(self, entries):
        """the root folder's new entries, the bitmap, the FAT"""
        data = self.root_entries.rstrip(b"\0")
        data = data.ljust(-(-len(data) // 32) * 32, b"\0") + entries
        last = list(self.chain(self.root, None, False))[-1]
        while len(data) > len(list(self.chain(self.root, None, False))) * self.cluster:
            more = self.free()[0]
            self.map[(more - 2) >> 3] |= 1 << ((more - 2) & 7)
            self.fat[last], self.fat[more], last = more, END, more
        for i, cluster in enumerate(self.chain(self.root, None, False)):
            self.f.seek(self.heap + (cluster - 2) * self.cluster)
            self.f.write(data[i * self.cluster:(i + 1) * self.cluster].ljust(self.cluster, b"\0"))
        for i, cluster in enumerate(self.chain(self.map_first, self.map_len, False)):
            self.f.seek(self.heap + (cluster - 2) * self.cluster)
            self.f.write(self.map[i * self.cluster:(i + 1) * self.cluster])
        self.f.seek(self.fat_at)
        self.f.write(struct.pack(f"<{len(self.fat)}I", *self.fat))
        self.f.close()


def rotate_sum(data, skip=()):
    total = 0
    for i, byte in enumerate(data):
        if i not in skip:
            total = ((total << 15 | total >> 1) + byte) & 0xFFFF
    return total


def entry_set(name, folder, first, flags, size):
    """an entry set; names are in capitals, so that their hash needs no table"""
    wide = name.encode("utf-16le")
    names = [wide[i:i + 30] for i in range(0, len(wide), 30)]
    data = bytearray(struct.pack("<BBHHHIII12x", 0x85, 1 + len(names), 0, 0x10 if folder else 0x20, 0,
                                 STAMP, STAMP, STAMP))
    data += struct.pack("<BBBBHHQIIQ", 0xC0, flags if size else 1, 0, len(name), rotate_sum(wide), 0, size, 0,
                        first, size)
    for part in names:
        data += bytes([0xC1, 0]) + part.ljust(30, b"\0")
    struct.pack_into("<H", data, 2, rotate_sum(data, (2, 3)))
    return data


def fill(path, tree, count, mode):
    volume, rng = Volume(path), random.Random(7)
    folders, gone = {"ONE": b"", "TWO": b"", "THREE": b""}, []
    for i in range(count):
        folder, name = list(folders)[i % 3], f"FILE-{i}-WITH A LONGER NAME.BIN"
        data = rng.randbytes(rng.randrange(6 * volume.cluster) if i % 7 else 0)
        if mode == "zeros":
            data = bytes(len(data))
        first, flags = volume.write(data, i % 5 == 0) if data else (0, 1)
        entries = entry_set(name, False, first, flags, len(data))
        if i % 2:
            gone.append((first, len(data), flags & CONTIGUOUS))
            for at in range(0, len(entries), 32):
                entries[at] &= 0x7F
        else:
            os.makedirs(f"{tree}/{folder}", exist_ok=True)
            with open(f"{tree}/{folder}/{name}", "wb") as f:
                f.write(data)
        folders[folder] += entries
    for first, size, contiguous in gone:
        if size:
            volume.release(first, size, contiguous)
    top = b""
    for n, (name, entries) in enumerate(folders.items()):
        size = -(-len(entries) // volume.cluster) * volume.cluster
        first, flags = volume.write(entries.ljust(size, b"\0"), n == 1)
        top += entry_set(name, True, first, flags, size)
    if mode == "full":
        data = rng.randbytes(len(volume.free()) * volume.cluster)
        first, flags = volume.write(data, True)
        with open(f"{tree}/FILLER", "wb") as f:
            f.write(data)
        top += entry_set("FILLER", False, first, flags, len(data))
    volume.finish(top)


def dump_folder(volume, entries, out):
    os.makedirs(out, exist_ok=True)
    at = 0
    while at < len(entries) and entries[at]:
        more = entries[at + 1] if entries[at] == 0x85 else 0
        if more:
            part = entries[at:at + 32 * (1 + more)]
            flags, length = part[33], part[35]
            first, size = struct.unpack_from("<I Q", part, 32 + 20)
            wide = b"".join(part[i + 2:i + 32] for i in range(64, len(part), 32))
            name = wide[:2 * length].decode("utf-16le")
            data = volume.read(first, size, flags & CONTIGUOUS) if size else b""
            if part[4] & 0x10:
                dump_folder(volume, data, f"{out}/{name}")
            else:
                with open(f"{out}/{name}", "wb") as f:
                    f.write(data)
        at += 32 * (1 + more)


if sys.argv[2] == "dump":
    source = Volume(sys.argv[1])
    dump_folder(source, source.root_entries, sys.argv[3])
else:
    fill(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "")
