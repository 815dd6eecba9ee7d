#!/usr/bin/env python3
# rescued.py - is a rescue what it says? compares source, copy and mapfile with what is known to be bad
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rescued.py truth SOURCE COPY MAP FILL START-END...   the map calls exactly these bytes bad and the rest read; what was
#                                                      read is equal, what was not is FILL (a byte, or "any")
# rescued.py safe SOURCE COPY MAP START-END...         nothing that is bad is called read; what is called read is equal
# rescued.py used SOURCE COPY MAP FREE START-END...    safe, and all is called read that is not bad and not in FREE, a file of
#                                                      lines "START LENGTH"
# rescued.py untried MAP                               what was not read, as such lines
# rescued.py twice LOG                                 bytes that were read more than once, of lines "r OFFSET LENGTH PATH"
# rescued.py again LOG START-END...                    of the same log, with "n" lines for saved maps, and lines "kill" and
#                                                      "saved": of what is not bad, no more is read again than was read
#                                                      between a save and a kill
import sys


def blocks(path):
    lines = [line.split("#")[0].split() for line in open(path)]
    lines = [words for words in lines if words]
    return [(int(a, 0), int(b, 0), c) for a, b, c in lines[1:]]


def ranges(words):
    return [tuple(int(n) for n in word.split("-")) for word in words]


def fail(*words):
    sys.exit("rescued.py: " + " ".join(str(w) for w in words))


def check_equal(source, copy, start, size):
    a, b = source[start : start + size], copy[start : start + size]
    if a != b:
        at = next(i for i in range(size) if a[i] != b[i])
        fail("byte", start + at, "is called read, but differs")


def safe(source, copy, path, bad):
    for start, size, status in blocks(path):
        if status != "+":
            continue
        if any(start < end and first < start + size for first, end in bad):
            fail(f"{start}+{size} is called read, but holds bad bytes")
        check_equal(source, copy, start, size)


def truth(source, copy, path, fill, bad):
    said = [(start, start + size) for start, size, status in blocks(path) if status == "-"]
    other = [b for b in blocks(path) if b[2] not in "+-"]
    if said != sorted(bad) or other:
        fail("bad areas are", bad, "but the map says", said, other)
    if sum(b[1] for b in blocks(path)) != len(source):
        fail("the map does not cover the source")
    safe(source, copy, path, bad)
    for start, end in bad:
        if fill != "any" and copy[start:end] != bytes([int(fill)]) * (end - start):
            fail(f"{start}-{end} is not filled with {fill}")


def used(source, copy, path, free, bad):
    safe(source, copy, path, bad)
    known = [(start, start + size) for start, size, status in blocks(path) if status == "+"]
    known += [(int(a), int(a) + int(b)) for a, b in (line.split() for line in open(free) if line.strip())]
    at = 0
    for start, end in sorted(known + bad) + [(len(source), len(source))]:
        if start > at:
            fail(f"{at}-{start} is used and can be read, but is not called read")
        at = max(at, end)


def twice(path):
    seen, again = set(), 0
    for line in open(path):
        op, off, size = line.split()[:3]
        for sector in range(int(off) // 512, (int(off) + int(size)) // 512):
            again += 512 * (sector in seen)
            seen.add(sector)
    print(again)


CANARIES = 64  # single sectors that are read again to see whether the disk is still there


def again(path, bad):
    """sectors read since the last save are lost with a kill; all others may be read once"""
    known, since, saved, lost, twice = set(), set(), set(), 0, 0
    for line in open(path):
        op, *rest = line.split()
        if op == "kill":
            # in the middle of a rename: it did not happen
            lost += len(since | saved)
            since.clear()
        elif op == "n" and "disk.map" in rest[2] and ".json" not in rest[2] or op == "saved":
            since, saved = set(), since if op == "n" else set()
            continue
        elif op == "r" and rest[2].endswith("src.raw"):
            start, end = int(rest[0]), int(rest[0]) + int(rest[1])
            if any(start < b and a < end for a, b in bad):
                continue
            sectors = set(range(start // 512, end // 512))
            twice += len(sectors & known)
            known |= sectors
            since |= sectors
        saved = set()
    print(f"read again: {twice} sectors; read between saves and kills: {lost}")
    if twice > lost + CANARIES:
        sys.exit(1)


def main(what, *args):
    if what == "again":
        return again(args[0], ranges(args[1:]))
    if what == "untried":
        return print(*(f"{start} {size}" for start, size, status in blocks(args[0]) if status == "?"), sep="\n")
    if what == "twice":
        return twice(*args)
    source, copy = open(args[0], "rb").read(), open(args[1], "rb").read()
    copy = copy[: len(source)]
    if what == "truth":
        return truth(source, copy, args[2], args[3], ranges(args[4:]))
    if what == "used":
        return used(source, copy, args[2], args[3], ranges(args[4:]))
    return safe(source, copy, args[2], ranges(args[3:]))


main(*sys.argv[1:])
