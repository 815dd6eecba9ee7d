#!/usr/bin/env python3
# phases.py - perf's shares by thread and library, summed up as phases of the pipeline (reads perf report from stdin)
# SPDX-License-Identifier: GPL-3.0-or-later
import sys

THREADS = {"sv-read": "reader", "sv-work": "workers", "sv-job": "writer"}
WORK = {
    "libzstd": "zstd and frame checksum",
    "liblzma": "xz",
    "libxxhash": "granule digests",
    "libnettle": "SHA-256 of the stored files",
    "salvor": "salvor's own code",
    "libc": "copies, zero detection, C library",
    "[kernel": "kernel",
}
KERNEL = {"reader": "kernel: reading", "workers": "kernel: waiting, memory", "writer": "kernel: writing, syncing"}


def phase(thread, dso):
    for prefix, text in WORK.items():
        if dso.startswith(prefix):
            return KERNEL.get(thread, text) if text == "kernel" else text
    return dso


shares = {}
for line in sys.stdin:
    parts = [p.strip() for p in line.split("|")]
    if len(parts) < 3 or not parts[0].endswith("%"):
        continue
    thread = THREADS.get(parts[1], "start and end")
    key = thread, phase(thread, parts[2])
    shares[key] = shares.get(key, 0) + float(parts[0].rstrip("%"))
for (thread, text), share in sorted(shares.items(), key=lambda kv: -kv[1]):
    if share >= 0.5:
        print(f"  {share:5.1f} %  {thread:<14} {text}")
