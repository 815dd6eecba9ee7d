#!/usr/bin/env python3
# bitlocker.py - where a BitLocker volume keeps things for itself, and bytes moved into one that another program decrypts
# SPDX-License-Identifier: GPL-3.0-or-later
"""
bitlocker.py own VOLUME          its own places, "START LENGTH" lines: three copies of the metadata, then the moved sectors
bitlocker.py moved VOLUME        how many bytes at its start have moved
bitlocker.py fill FROM TO OWN    copy the bytes of FROM to TO, but for those places, which hold nothing there
bitlocker.py without KEPT        ranges on stdin without those of KEPT
"""
import os
import struct
import sys

AREA = 65536


def places(path):
    with open(path, "rb") as f:
        boot = f.read(512)
        copies = struct.unpack("<3Q", boot[176:200] if boot[3:11] == b"-FVE-FS-" else boot[440:464])
        f.seek(copies[0])
        area = f.read(AREA)
    sector = struct.unpack("<H", boot[11:13])[0]
    moved = struct.unpack("<I", area[28:32])[0] * sector
    return [(at, AREA) for at in copies] + [(struct.unpack("<Q", area[56:64])[0], moved)]


def ranges(lines):
    return sorted(tuple(map(int, line.split())) for line in lines)


def ranges_of(path):
    with open(path, encoding="ascii") as f:
        return ranges(f)


def without(kept, free):
    for start, length in free:
        end = start + length
        for at, n in kept:
            if at < end and start < at + n:
                if start < at:
                    print(start, at - start)
                start = at + n
        if start < end:
            print(start, end - start)


def fill(source, target, own):
    skip = ranges_of(own)
    with open(source, "rb") as src:
        dst = os.open(target, os.O_WRONLY)
        at = 0
        for start, length in skip + [(os.path.getsize(source), 0)]:
            while at < start:
                src.seek(at)
                data = src.read(min(1 << 20, start - at))
                assert os.pwrite(dst, data, at) == len(data)
                at += len(data)
            src.seek(start)
            assert not any(src.read(length)), "files lie in BitLocker's own places"
            at = start + length
        os.close(dst)


if __name__ == "__main__":
    if sys.argv[1] == "own":
        for place in places(sys.argv[2]):
            print(*place)
    elif sys.argv[1] == "moved":
        print(places(sys.argv[2])[3][1])
    elif sys.argv[1] == "without":
        without(ranges_of(sys.argv[2]), ranges(sys.stdin))
    else:
        fill(*sys.argv[2:5])
