#!/usr/bin/env python3
# pack.py - a filesystem image as a seed of the fuzz targets (the format is in fuzz_fsmap.h)
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: pack.py IMAGE SECTOR_SIZE OUT; fails when the seed would be larger than 64 KiB"""
import sys

UNIT = 64
LIMIT = 64 * 1024


def pieces(image):
    """(place, units) of stretches that are not zero, at most 255 units each"""
    zero = bytes(UNIT)
    start = None
    count = len(image) // UNIT
    for i in range(count + 1):
        used = i < count and image[i * UNIT:(i + 1) * UNIT] != zero
        if start is not None and (not used or i - start == 255):
            yield start, i - start
            start = None
        if used and start is None:
            start = i


def main():
    path, sector, out = sys.argv[1:]
    with open(path, "rb") as f:
        image = f.read()
    shift = {512: 0, 1024: 1, 2048: 2, 4096: 3}[int(sector)]
    seed = bytearray((len(image) // 4096).to_bytes(2, "little") + bytes([shift]))
    for place, units in pieces(image):
        seed += place.to_bytes(4, "little") + bytes([units])
        seed += image[place * UNIT:(place + units) * UNIT]
    if len(seed) > LIMIT:
        sys.exit(f"pack.py: {path} makes a seed of {len(seed)} bytes")
    with open(out, "wb") as f:
        f.write(seed)


main()
