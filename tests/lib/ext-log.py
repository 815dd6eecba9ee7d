#!/usr/bin/env python3
# ext-log.py - the difference of two states of an ext filesystem, as transactions for debugfs to put into the log
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: ext-log.py BEFORE AFTER DIRTY DATA BLOCKS

DIRTY is a copy of BEFORE. Blocks listed in DATA, and those outside of the filesystem as it was, are written to it; all
others that differ go to BLOCKS, and the commands that log them to stdout. The journal itself is left alone.
"""
import struct
import subprocess
import sys

before, after, dirty, data_list, blocks_file = sys.argv[1:]
with open(before, "rb") as f:
    f.seek(1024)
    sb = f.read(1024)
size = 1024 << struct.unpack_from("<I", sb, 0x18)[0]
inside = struct.unpack_from("<I", sb, 4)[0]
home = set(map(int, open(data_list).read().split()))
journal = subprocess.run(["debugfs", "-R", "blocks <8>", before], capture_output=True, check=True).stdout
journal = set(map(int, journal.split()))
logged = []
with open(before, "rb") as a, open(after, "rb") as b, open(dirty, "r+b") as d, open(blocks_file, "wb") as out:
    number = 0
    while block := b.read(size):
        if block != a.read(size).ljust(len(block), b"\0") and number not in journal:
            if number in home or number >= inside:
                d.seek(number * size)
                d.write(block)
            else:
                logged.append(number)
                out.write(block)
        number += 1
for at in range(0, len(logged), 20):
    part = f"{blocks_file}.{at}"
    with open(blocks_file, "rb") as f, open(part, "wb") as out:
        f.seek(at * size)
        out.write(f.read(20 * size))
    print("jw -b", ",".join(map(str, logged[at:at + 20])), part)
