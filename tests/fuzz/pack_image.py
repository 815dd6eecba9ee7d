#!/usr/bin/env python3
# pack_image.py - the files of an image as a seed of fuzz_image or fuzz_resume (format: fuzz_image.h)
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: pack_image.py FOLDER OUT OWN_FLAGS FLAGS [left out: manifest index sums stream ...]"""
import pathlib
import sys

PLACES = {"manifest": "manifest.json", "index": "disk.idx", "sums": "SHA256SUMS"}


def main():
    folder, out, own, flags, *without = sys.argv[1:]
    folder = pathlib.Path(folder)
    side = [b"" if kind in without else (folder / name).read_bytes() for kind, name in PLACES.items()]
    stream = b"".join(f.read_bytes() for f in sorted(folder.glob("disk.img*")) if "stream" not in without)
    head = bytes([int(own), int(flags)]) + b"".join(len(s).to_bytes(2, "little") for s in side)
    pathlib.Path(out).write_bytes(head + b"".join(side) + stream)


main()
