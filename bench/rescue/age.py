#!/usr/bin/env python3
# age.py - fills a mounted filesystem with files of all sizes, folder by folder, and deletes until it is half full
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: age.py DIR SEED     Sizes are even by their logarithm, 4 KiB to 256 MiB. Of what is deleted, most goes by folders.
import os
import random
import shutil
import sys

FOLDER = 40
KIB, MIB = 1024, 1024**2


def share(top):
    st = os.statvfs(top)
    return 1 - st.f_bfree / st.f_blocks


def fill(top, dice):
    folders = []
    while share(top) < 0.92:
        folder = os.path.join(top, f"d{len(folders)}")
        os.mkdir(folder)
        folders.append(folder)
        for n in range(FOLDER):
            size = int(4 * KIB * (64 * KIB) ** dice.random())
            if share(top) > 0.93:
                break
            with open(os.path.join(folder, f"f{n}"), "wb") as f:
                os.posix_fallocate(f.fileno(), 0, size)
    return folders


def main(top, seed):
    dice = random.Random(int(seed))
    folders = fill(top, dice)
    dice.shuffle(folders)
    while share(top) > 0.55:
        shutil.rmtree(folders.pop())
    files = [os.path.join(d, f) for d in folders for f in sorted(os.listdir(d))]
    dice.shuffle(files)
    while share(top) > 0.5:
        os.unlink(files.pop())


main(*sys.argv[1:])
