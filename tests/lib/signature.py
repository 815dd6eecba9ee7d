#!/usr/bin/env python3
# signature.py - marks of types that no tool at hand makes, as libblkid looks for them, written onto a file
# SPDX-License-Identifier: GPL-3.0-or-later
"""
signature.py FILE TYPE     TYPE is libblkid's name; nothing but its marks is written

Places and values: util-linux, libblkid/src/superblocks/NAME.c (2.38), and the headers that those name: ZFS vdev_impl.h (four
labels, uberblocks of 1 KiB from 128 KiB on), DRBD drbd_meta_data.c (the last 4 KiB), bcache.h, VMFS (vmfs-tools).
"""
import os
import struct
import sys

KIB, MIB = 1 << 10, 1 << 20


def zfs(size):
    end = size // (256 * KIB) * 256 * KIB
    for label in (0, 256 * KIB, end - 512 * KIB, end - 256 * KIB):
        for slot in range(8):
            yield label + 128 * KIB + slot * KIB, struct.pack("<QQQ", 0x00BAB10C, 5000, slot + 1)


def refs(size):
    yield 0, bytes(3) + b"ReFS" + bytes(5) + struct.pack("<4sHH", b"FSRS", 512, 0)


TYPES = {
    "zfs_member": zfs,
    "ReFS": refs,
    "VMFS_volume_member": lambda size: [(MIB, struct.pack("<I", 0xC001D00D))],
    "VMFS": lambda size: [(2 * MIB, struct.pack("<I", 0x2FABF15E))],
    "bcache": lambda size: [(4096 + 8, struct.pack("<Q", 8)),
                            (4096 + 24, bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81"))],
    "drbd": lambda size: [(size - 4096, struct.pack(">Q4QQQII", size // 512, 1, 2, 3, 4, 5, 0, 0, 0x8374026D))],
    "reiser4": lambda size: [(64 * KIB, b"ReIsEr4")],
    "hfs": lambda size: [(KIB, struct.pack(">HII", 0x4244, 0, 0) + bytes(10) + struct.pack(">I", 512))],
}

path, kind = sys.argv[1:]
with open(path, "r+b") as f:
    for at, data in TYPES[kind](os.fstat(f.fileno()).st_size):
        f.seek(at)
        f.write(data)
