#!/usr/bin/env python3
# xfs_log.py - a seed of fuzz_xfs becomes an XFS that was not shut down: a record that changes group 0, no checksum
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: xfs_log.py IMAGE, as mkfs.xfs or xfs_repair left it"""
import struct
import sys

MAGIC = 0xFEEDBABE
AGF = b"XAGF" + struct.pack(">II", 1, 0)


def main():
    with open(sys.argv[1], "r+b") as f:
        sb = f.read(512)
        block, = struct.unpack_from(">I", sb, 4)
        start, = struct.unpack_from(">Q", sb, 48)
        per_ag, = struct.unpack_from(">I", sb, 84)
        log = ((start >> sb[124]) * per_ag + (start & ((1 << sb[124]) - 1))) * block
        f.seek(log)
        magic, cycle, _, length = struct.unpack(">4I", f.read(16))
        assert magic == MAGIC
        head = 1 + length // 512
        record = struct.pack(">4I", MAGIC, cycle, 2, 512) + struct.pack(">4I", cycle, head, cycle, head)
        record += struct.pack(">3I", 1, head, 7) + AGF[:4].ljust(256, b"\0") + struct.pack(">I", 1) + sb[32:48]
        record += struct.pack(">I", 32768)
        f.seek(log + head * 512)
        f.write(record.ljust(512, b"\0") + (struct.pack(">I", cycle) + AGF[4:]).ljust(512, b"\0"))


main()
