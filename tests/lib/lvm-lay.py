#!/usr/bin/env python3
# lvm-lay.py - the bytes of a logical volume, put onto its disks or taken from them, as dm-linear and dm-striped lay them
# SPDX-License-Identifier: GPL-3.0-or-later
"""lvm-lay.py put|get VOLUME NODE=FILE... < segments: lines "STRIPE_BYTES LENGTH NODE:FIRST-LAST...", in extents of 4 MiB from 1 MiB on"""
import sys

EXTENT = 4 << 20
FIRST = 1 << 20


def stripes(line):
    """(node, place, length) of each stripe of a segment, in order"""
    stripe, length, *columns = line.split()
    places = [(c.split(':')[0], FIRST + int(c.split(':')[1].split('-')[0]) * EXTENT) for c in columns]
    step = int(stripe) or int(length)
    if len(places) == 1:
        step = int(length)
    for number in range(int(length) // step):
        node, place = places[number % len(places)]
        yield node, place + number // len(places) * step, step


def main():
    mode, volume, *named = sys.argv[1:]
    disks = {}
    for word in named:
        node, path = word.split('=')
        disks[node] = open(path, 'r+b' if mode == 'put' else 'rb')
    with open(volume, 'rb' if mode == 'put' else 'wb') as lv:
        for line in sys.stdin:
            for node, place, length in stripes(line):
                disks[node].seek(place)
                if mode == 'put':
                    disks[node].write(lv.read(length))
                else:
                    lv.write(disks[node].read(length))


main()
