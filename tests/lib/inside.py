#!/usr/bin/env python3
# inside.py - bad places of volumes that stand inside of another one, and what a report says of each
# SPDX-License-Identifier: GPL-3.0-or-later
"""inside.py map SIZE OUT [MAP PLACES | START:LENGTH]...   a ddrescue map of the outer volume: lost is what each MAP of an
                                                    inner volume says, which is where PLACES says ("START LENGTH" lines, in
                                                    order), and these ranges
                                                    PLACES may have "-" for a START: that is on another disk
   inside.py here MAP PLACES OUT                    MAP, lost only where PLACES are on this disk
   inside.py units MAP OUT UNIT                     MAP with whole units lost
   inside.py volume REPORT NAME OUT                 what REPORT says of the volume of that name, as a report of its own"""
import json
import sys


def lost_of(path):
    with open(path, encoding="ascii") as f:
        rows = [line.split() for line in f if not line.startswith("#")]
    return [(int(r[0], 0), int(r[1], 0)) for r in rows if len(r) == 3 and r[2] == "-"]


def size_of(path):
    with open(path, encoding="ascii") as f:
        rows = [line.split() for line in f if not line.startswith("#")]
    return max(int(r[0], 0) + int(r[1], 0) for r in rows if len(r) == 3 and r[2] in "+-")


def write(path, size, ranges):
    with open(path, "w", encoding="ascii") as out:
        print("0x0 + 1", file=out)
        pos = 0
        for start, length in sorted(ranges) + [(size, 0)]:
            end = start + length
            if start > pos:
                print(f"{pos:#x} {start - pos:#x} +", file=out)
            if end > max(start, pos):
                print(f"{max(start, pos):#x} {end - max(start, pos):#x} -", file=out)
            pos = max(pos, end)


def places_of(path):
    with open(path, encoding="ascii") as f:
        return [(None if start == "-" else int(start), int(length)) for start, length in map(str.split, f)]


def shared(lost, places):
    """(place, where it begins inside, start, length) piece by piece of the inner volume: nothing of the program's own way
    is used."""
    at = 0
    for place, length in places:
        if place is not None:
            for start, n in lost:
                low, high = max(start, at), min(start + n, at + length)
                if low < high:
                    yield place, at, low, high - low
        at += length


def outside(lost, places):
    for place, at, start, length in shared(lost, places):
        yield place + start - at, length


def make_map(size, out, args):
    ranges = []
    while args:
        if ":" in args[0]:
            ranges.append(tuple(map(int, args.pop(0).split(":"))))
            continue
        lost = lost_of(args.pop(0))
        ranges += outside(lost, places_of(args.pop(0)))
    write(out, size, ranges)


def here(path, places, out):
    write(out, size_of(path), [(start, length) for _, _, start, length in shared(lost_of(path), places_of(places))])


def units(path, out, unit):
    ranges = [(s // unit * unit, (s + n + unit - 1) // unit * unit - s // unit * unit) for s, n in lost_of(path)]
    write(out, size_of(path), ranges)


def volume(path, name, out):
    with open(path, encoding="utf-8") as f:
        report = json.load(f)
    report["volumes"] = [v for v in report["volumes"] if v["name"] == name]
    with open(out, "w", encoding="utf-8") as f:
        json.dump(report, f)


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "map" and len(args) >= 2:
        make_map(int(args[0]), args[1], args[2:])
    elif verb == "here" and len(args) == 3:
        here(*args)
    elif verb == "units" and len(args) == 3:
        units(args[0], args[1], int(args[2]))
    elif verb == "volume" and len(args) == 3:
        volume(*args)
    else:
        sys.exit(__doc__)


main()
