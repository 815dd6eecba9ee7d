#!/usr/bin/env python3
# measure.py - run one shell pipeline with a cold cache and print wall seconds, CPU seconds and peak resident memory
# SPDX-License-Identifier: GPL-3.0-or-later
"""
measure.py SHELL-COMMAND      prints "WALL CPU RSS_KIB"; the command's own output goes to stderr

Everything the command wrote is on the disk when it counts as finished (sync is part of the time), and the page cache is dropped before.
RSS is the largest of all processes of the pipeline.
"""
import os
import resource
import subprocess
import sys
import time


def drop_caches():
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as f:
            f.write("3\n")
    except OSError:
        print("measure.py: the cache stays warm (not root)", file=sys.stderr)


drop_caches()
start = time.monotonic()
code = subprocess.run(["bash", "-c", "set -eu -o pipefail; " + sys.argv[1] + "; sync"], stdout=sys.stderr).returncode
wall = time.monotonic() - start
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
if code:
    sys.exit(f"measure.py: exit code {code}: {sys.argv[1]}")
print(f"{wall:.2f} {usage.ru_utime + usage.ru_stime:.2f} {usage.ru_maxrss}")
