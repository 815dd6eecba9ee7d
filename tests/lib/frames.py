#!/usr/bin/env python3
# frames.py - SHA-256 over the data frames of a seekable .zst: without the skippable ones, which hold random identities
# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import struct
import sys

with open(sys.argv[1], "rb") as f:
    data = f.read()
count, descriptor, magic = struct.unpack("<IBI", data[-9:])
assert magic == 0x8F92EAB1, "no seek table at the end"
entry = 12 if descriptor & 0x80 else 8
table = data[-9 - count * entry:-9]
digest, pos, frames = hashlib.sha256(), 0, 0
for i in range(count):
    stored, raw = struct.unpack_from("<II", table, i * entry)
    if raw:
        digest.update(data[pos:pos + stored])
        digest.update(table[i * entry:(i + 1) * entry])
        frames += 1
    pos += stored
print(frames, digest.hexdigest())
