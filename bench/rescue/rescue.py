#!/usr/bin/env python3
# rescue.py - Salvor and GNU ddrescue on the same simulated disks, in virtual time
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: rescue.py WORK SALVOR SIMPRE.so [SEEDS [SCENARIO...]]     SEEDS: 1 or 1,2,3
# Both are the unmodified programs under a preloaded library (simpre.c). Times are hours of the simulated disk. False good:
# bytes the map calls read that are bad. A median of the seeds; false good is the sum.
import json
import os
import statistics
import subprocess
import sys

GB = 1000**3
MIB = 1024**2

# name: (bytes, what is wrong, hours until the end, share for t_part)
SCENARIOS = {
    "isolated": (64 * GB, "isolated:100", 24, 2),
    "scratch": (64 * GB, f"scratch:{24 * GB // 512 * 512}:{64 * MIB}:0.05", 24, 2),
    "runs": (64 * GB, "runs:40:256", 24, 2),
    "dead head": (64 * GB, f"head:4:{40 * MIB}", 24, 2),
    "weak head": (64 * GB, f"weak:4:{40 * MIB}", 24, 0.745),
    "mixed": (64 * GB, f"isolated:60 runs:10:256 head:6:{30 * MIB}", 24, 2),
}
TOOLS = {
    "ddrescue -d": ["-d"],
    "ddrescue -d -c1024": ["-d", "-c1024"],
    "ddrescue -d -a0": ["-d", "-a0"],
    "salvor": None,
}


def command(tool, salvor, source, target, mapfile):
    if TOOLS[tool] is None:
        return [salvor, "rescue", source, target, mapfile, "--quiet"]
    return ["ddrescue", "-q", *TOOLS[tool], source, target, mapfile]


def false_good(mapfile, bad):
    """bytes of bad areas in blocks that the map calls read"""
    blocks = [line.split() for line in open(mapfile) if line.startswith("0x")][1:]
    good = [(int(a, 0), int(a, 0) + int(n, 0)) for a, n, s in blocks if s == "+"]
    wrong, i = 0, 0
    for line in open(bad):
        start, size = map(int, line.split())
        while i < len(good) and good[i][1] <= start:
            i += 1
        for a, b in good[i:]:
            if a >= start + size:
                break
            wrong += min(b, start + size) - max(a, start)
    return wrong


def run(work, salvor, preload, tool, scenario, seed, fail_s):
    size, disk, hours, part = SCENARIOS[scenario]
    at = {name: os.path.join(work, name) for name in ("source", "target", "map", "report", "bad")}
    for name in (*at.values(), at["map"] + ".salvor.json", at["map"] + ".bak"):
        if os.path.exists(name):
            os.unlink(name)
    with open(at["source"], "wb") as f:
        f.truncate(size // 512 * 512)
    env = dict(
        os.environ,
        LD_PRELOAD=preload,
        SIM_SOURCE=at["source"],
        SIM_TARGET=at["target"],
        SIM_DISK=disk,
        SIM_SEED=str(seed),
        SIM_FAIL_US=str(fail_s * 1e6),
        SIM_BUDGET_S=str(hours * 3600),
        SIM_PART=str(part),
        SIM_REPORT=at["report"],
        SIM_BAD=at["bad"],
    )
    done = subprocess.run(
        command(tool, salvor, at["source"], at["target"], at["map"]), env=env, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
    )
    if not os.path.exists(at["report"]):
        sys.exit(f"{tool}, {scenario}: {done.returncode} {done.stderr.decode(errors='replace')}")
    figures = json.load(open(at["report"]))
    figures["false"] = false_good(at["map"], at["bad"])
    return figures


def hours(values, asked=True):
    if not asked:
        return "       -"
    known = [v for v in values if v >= 0]
    return f"{statistics.median(values):8.3f}" if len(known) == len(values) else "   never"


def line(tool, runs, part):
    of = lambda key: [r[key] for r in runs]
    return (
        f"  {tool:20}{hours(of('t90'))}{hours(of('t99'))}{hours(of('t_part'), part <= 1)}{hours(of('end'))}"
        f"{statistics.median(of('share')) * 100:9.3f}{statistics.median(of('area')):8.4f}"
        f"{statistics.median(of('failed')):9.0f}{statistics.median(of('seeks')):9.0f}{sum(of('false')):7d}"
    )


def main(work, salvor, preload, seeds="1", *wanted):
    seeds = [int(s) for s in seeds.split(",")]
    fail_s = float(os.environ.get("FAIL_S", "2.5"))
    print(f"failed read {fail_s} s, seeds {seeds}; hours")
    print(f"  {'':20}{'t90':>8}{'t99':>8}{'t part':>8}{'end':>8}{'% read':>9}{'area':>8}{'failed':>9}{'seeks':>9}{'false':>7}")
    wrong = 0
    for scenario in wanted or SCENARIOS:
        print(scenario, flush=True)
        for tool in TOOLS:
            runs = [run(work, salvor, preload, tool, scenario, seed, fail_s) for seed in seeds]
            wrong += sum(r["false"] for r in runs) if tool == "salvor" else 0
            print(line(tool, runs, SCENARIOS[scenario][3]), flush=True)
    if wrong:
        sys.exit(f"{wrong} bytes are called read, but are bad")


main(*sys.argv[1:])
