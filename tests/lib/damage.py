#!/usr/bin/env python3
# damage.py - where the frames of an image are, exchanging parts of files, and what a restore of a harmed image lost
# SPDX-License-Identifier: GPL-3.0-or-later
"""
damage.py frames IMAGE                 "NUMBER OFFSET STORED START RAW" of every frame, from disk.idx
damage.py hit IMAGE FROM TO            "START RAW" of the frames that touch stored bytes [FROM, TO)
damage.py outcomes IMAGE               SHA-256 over checksum, runs and number of digests of every frame
damage.py swap FILE A ALEN B BLEN      exchange two ranges; what lies between may move
damage.py lost DISK OUT USED           bytes of USED that differ
damage.py elsewhere DISK OUT USED HIT  bytes of USED that differ outside the ranges listed in HIT
"""
import hashlib
import struct
import sys


def records(image):
    with open(image + "/disk.idx", "rb") as f:
        index = f.read()
    at = 0
    while at + 16 <= len(index):
        kind, length = struct.unpack_from("<4sI", index, at)
        if at + 16 + length <= len(index):
            yield kind, index[at + 16:at + 16 + length]
        at += 16 + length


def frames(image):
    size, frame_size = 0, 0
    for kind, payload in records(image):
        if kind == b"SVIX":
            size, frame_size = struct.unpack_from("<QI", payload, 32)
        elif kind == b"SVFR":
            number, offset, stored = struct.unpack_from("<QQI", payload)
            start = number * frame_size
            yield number, offset, stored, start, min(frame_size, size - start)


def outcomes(image):
    """what must be the same however often the save was interrupted; digests depend on the image's own seed"""
    sha, n = hashlib.sha256(), 0
    for kind, payload in records(image):
        if kind == b"SVFR":
            number, _, stored, _, checksum, n_runs, n_digests = struct.unpack_from("<QQIIIII", payload)
            assert number == n
            n += 1
            sha.update(struct.pack("<QIII", number, stored, checksum, n_digests) + payload[40:40 + 8 * n_runs])
    return f"{n} frames {sha.hexdigest()}"


def swap(path, a, a_len, b, b_len):
    with open(path, "r+b") as f:
        data = f.read()
        new = data[:a] + data[b:b + b_len] + data[a + a_len:b] + data[a:a + a_len] + data[b + b_len:]
        assert len(new) == len(data) and a + a_len <= b and new != data, "no exchange"
        f.seek(0)
        f.write(new)


def differing(disk, out, used):
    with open(disk, "rb") as a, open(out, "rb") as b, open(used) as lines:
        for line in lines:
            start, length = map(int, line.split())
            a.seek(start), b.seek(start)
            for at in range(start, start + length, 512):
                n = min(512, start + length - at)
                if a.read(n) != b.read(n):
                    yield at, n


def main(what, *args):
    if what == "frames":
        for frame in frames(args[0]):
            print(*frame)
    elif what == "hit":
        first, last = map(int, args[1:])
        for _, offset, stored, start, raw in frames(args[0]):
            if offset < last and offset + stored > first:
                print(start, raw)
    elif what == "outcomes":
        print(outcomes(*args))
    elif what == "swap":
        swap(args[0], *map(int, args[1:]))
    elif what == "lost":
        print(sum(n for _, n in differing(*args)))
    elif what == "elsewhere":
        with open(args[3]) as f:
            hit = [tuple(map(int, line.split())) for line in f]
        print(sum(n for at, n in differing(*args[:3]) if not any(s <= at < s + k for s, k in hit)))


main(*sys.argv[1:])
