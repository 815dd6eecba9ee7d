#!/usr/bin/env python3
# slim_apfs.py - make a container of mkapfs smaller than mkapfs makes them, as seed of the fuzz target
# SPDX-License-Identifier: GPL-3.0-or-later
"""
usage: slim_apfs.py IMAGE plain|cab|newer. Checksums are not put right: the target does that where it is told so. cab: with
one more level of addresses; newer: with a checkpoint that the first block does not know of.
"""
import struct
import sys

BLOCK, BLOCKS, CHUNK = 4096, 60000, 32768


def main():
    path, kind = sys.argv[1:]
    with open(path, "r+b") as f:
        image = bytearray(f.read())

        def get(form, at):
            return struct.unpack_from("<" + form, image, at)[0]

        def put(form, at, value):
            struct.pack_into("<" + form, image, at, value)

        def copy(source, target):
            image[target:target + BLOCK] = image[source:source + BLOCK]

        ring, data = get("Q", 112) * BLOCK, get("Q", 120) * BLOCK
        for at in (0, ring + BLOCK):
            put("Q", at + 40, BLOCKS)
        entry = next(ring + 40 + 40 * i for i in range(get("I", ring + 36)) if get("H", ring + 40 + 40 * i) == 5)
        manager = get("Q", entry + 32) * BLOCK
        address = manager + get("I", manager + 80)
        info = get("Q", address) * BLOCK
        put("I", info + 36, 2)
        for offset in (16, 20):
            put("I", info + 72 + offset, BLOCKS - CHUNK)
        put("Q", manager + 48, BLOCKS)
        put("Q", manager + 56, 2)
        put("Q", manager + 72, get("I", info + 60) + BLOCKS - CHUNK)
        if kind == "cab":
            cab = get("Q", manager + 176) * BLOCK + 9 * BLOCK
            copy(info, cab)
            put("H", cab + 24, 6)
            put("I", cab + 36, 1)
            put("Q", cab + 40, info // BLOCK)
            put("I", manager + 68, 1)
            put("Q", address, cab // BLOCK)
        if kind == "newer":
            copy(manager, data + 20 * BLOCK)
            put("Q", data + 20 * BLOCK + 16, 2)
            for i in (0, 1):
                copy(ring + i * BLOCK, ring + (i + 2) * BLOCK)
                put("Q", ring + (i + 2) * BLOCK + 16, 2)
            put("Q", entry + 2 * BLOCK + 32, data // BLOCK + 20)
            put("I", ring + 3 * BLOCK + 136, 2)
        f.seek(0)
        f.truncate(0)
        f.write(image[:BLOCKS * BLOCK])


main()
