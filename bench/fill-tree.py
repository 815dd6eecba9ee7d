#!/usr/bin/env python3
# fill-tree.py - many small files in many folders, every sixth of them deleted again; a map's free space is then in many pieces
# SPDX-License-Identifier: GPL-3.0-or-later
"""fill-tree.py FOLDER FILES    FILES stay (in folders of a thousand); each takes a block of 4 KiB"""
import os
import sys

folder, stay = sys.argv[1], int(sys.argv[2])
made = stay * 6 // 5
for first in range(0, made, 1000):
    name = f"{folder}/d{first // 1000}"
    os.mkdir(name)
    where = os.open(name, os.O_RDONLY | os.O_DIRECTORY)
    for i in range(first, min(first + 1000, made)):
        file = os.open(f"file {i}", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=where)
        os.write(file, (b"file %d\n" % i) * 250)
        os.close(file)
    os.close(where)
# when all are on the disk, so that holes are left
os.sync()
for i in range(0, made, 6):
    os.unlink(f"{folder}/d{i // 1000}/file {i}")
