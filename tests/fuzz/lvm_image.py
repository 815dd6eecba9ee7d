#!/usr/bin/env python3
# lvm_image.py - a physical volume for the fuzz targets: a seed of fuzz_lvm laid out, its checksums put right, a filesystem in a volume
# SPDX-License-Identifier: GPL-3.0-or-later
"""lvm_image.py SEED CONTENT OUT [PLACE:LENGTH]...   a volume of 64 MiB of SEED (a label's sector, a header's, the text), with
                                                  CONTENT in the places of a logical volume, in bytes and in order"""
import struct
import sys
import zlib

SIZE = 64 << 20
SECTOR, AREA = 512, 4096


def crc(data):
    """lvm2 begins with a number of its own and inverts nothing."""
    return zlib.crc32(data, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff


def main():
    seed, content, out, *places = sys.argv[1:]
    with open(seed, "rb") as f:
        label, header, text = bytearray(f.read(SECTOR)), bytearray(f.read(SECTOR)), f.read()
    header[48:56] = struct.pack("<Q", len(text))
    header[56:60] = struct.pack("<I", crc(text))
    header[:4] = struct.pack("<I", crc(header[4:]))
    label[16:20] = struct.pack("<I", crc(label[20:]))
    with open(content, "rb") as inner, open(out, "wb") as f:
        f.truncate(SIZE)
        for at, data in (SECTOR, label), (AREA, header), (AREA + SECTOR, text):
            f.seek(at)
            f.write(data)
        for place in places:
            at, length = map(int, place.split(":"))
            f.seek(at)
            f.write(inner.read(length))


main()
