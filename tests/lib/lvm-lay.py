#!/usr/bin/env python3
# lvm-lay.py - the bytes of a logical volume, put onto its disks or taken from them, as dm-linear and dm-striped lay them
# SPDX-License-Identifier: GPL-3.0-or-later
"""lvm-lay.py put|get VOLUME NODE=FILE... < segments: lines "STRIPE_BYTES LENGTH NODE:FIRST-LAST...", in extents of 4 MiB from 1 MiB on
   lvm-lay.py places NODE < segments           "PLACE LENGTH" of each stripe, in order; PLACE is "-" where it is on another disk"""
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


def tell_places(wanted):
    for line in sys.stdin:
        for node, place, length in stripes(line):
            print(place if node == wanted else "-", length)


def lay(mode, volume, named):
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


if sys.argv[1] == 'places':
    tell_places(sys.argv[2])
else:
    lay(sys.argv[1], sys.argv[2], sys.argv[3:])
