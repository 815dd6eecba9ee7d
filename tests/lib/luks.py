#!/usr/bin/env python3
# luks.py - a value in the JSON of a LUKS2 header exchanged, all checksums put right
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: luks.py FILE KEY.KEY... VALUE    VALUE in JSON; a key of * is each one there
import hashlib
import json
import sys

SUM, AREA = 448, 4096  # LUKS2 On-Disk Format: checksum of the header, where its JSON begins


def put(node, keys, value):
    for key in list(node) if keys[0] == '*' else [keys[0]]:
        if len(keys) == 1:
            node[key] = value
        else:
            put(node[key], keys[1:], value)


def change(disk, off, keys, value):
    disk.seek(off + 8)
    size = int.from_bytes(disk.read(8), 'big')
    disk.seek(off)
    header = bytearray(disk.read(size))
    tree = json.loads(header[AREA:].rstrip(b'\0'))
    put(tree, keys, value)
    text = json.dumps(tree, separators=(',', ':')).encode()
    header[AREA:] = text.ljust(size - AREA, b'\0')
    header[SUM:SUM + 64] = bytes(64)
    header[SUM:SUM + 32] = hashlib.sha256(header).digest()
    disk.seek(off)
    disk.write(header)
    return size


def main():
    path, keys, value = sys.argv[1:]
    with open(path, 'r+b') as disk:
        second = change(disk, 0, keys.split('.'), json.loads(value))
        change(disk, second, keys.split('.'), json.loads(value))


main()
