#!/usr/bin/env python3
# rescue.py - Salvor and GNU ddrescue on the same simulated disks, in virtual time
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: rescue.py WORK SALVOR SIMPRE.so [SEEDS [SCENARIO...]]     SEEDS: 1 or 1,2,3
# Both are the unmodified programs under a preloaded library (simpre.c). Times are hours of the simulated disk; "t used" is
# when all is read that is in use and readable (on disks with a filesystem). False good: bytes the map calls read that never
# were. Lost: KiB that were readable at first and are not read at the end. A median of the seeds; false good is the sum.
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass

GB = 1000**3
MIB = 1024**2
HALF_FULL = os.path.join(os.path.dirname(__file__), "half-full.sh")


@dataclass
class Disk:
    wrong: str
    part: float = 2  # share of the readable bytes for t part
    hours: int = 24  # until the end
    filesystem: bool = False
    restarts: int = 0  # of a program that ends because the disk is gone
    size: int = 64 * GB // MIB * MIB


SCENARIOS = {
    "isolated": Disk("isolated:100"),
    "scratch": Disk(f"scratch:{24 * GB // 512 * 512}:{64 * MIB}:0.05"),
    "runs": Disk("runs:40:256"),
    "dead head": Disk(f"head:4:{40 * MIB}"),
    "weak head": Disk(f"weak:4:{40 * MIB}", part=0.745),
    "mixed": Disk(f"isolated:60 runs:10:256 head:6:{30 * MIB}"),
    "growing": Disk("isolated:40 runs:10:64 grow:8:20000"),
    "hangs": Disk("isolated:20 hang:20:60"),
    "lost and back": Disk("isolated:100 lost:20:60", restarts=20),
    "half full": Disk("isolated:60 runs:10:256", filesystem=True),
    "half full, dead head": Disk(f"isolated:20 head:4:{40 * MIB}", filesystem=True),
}
TOOLS = {
    "ddrescue": [],
    "ddrescue -d": ["-d"],
    "ddrescue -d -c1024": ["-d", "-c1024"],
    "ddrescue -d -a0": ["-d", "-a0"],
    "salvor": None,
}
COLUMNS = ("t90", "t99", "t part", "t used", "end")


def command(tool, salvor, at):
    ends = [at["source"], at["target"], at["map"]]
    if TOOLS[tool] is None:
        return [salvor, "rescue", *ends, "--quiet"]
    return ["ddrescue", "-q", *TOOLS[tool], *ends]


def false_good(mapfile, bad):
    """bytes in blocks that the map calls read, and that never were"""
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


def make_source(work, scenario, seed):
    """the disk's content: nothing, or a filesystem"""
    disk = SCENARIOS[scenario]
    at = {name: os.path.join(work, name) for name in ("source", "target", "map", "report", "bad", "used", "state")}
    if disk.filesystem:
        subprocess.run([HALF_FULL, at["source"], str(disk.size), at["used"], str(seed)], check=True)
    else:
        with open(at["source"], "wb") as f:
            f.truncate(disk.size)
    return at


def run(at, salvor, preload, tool, scenario, seed, fail_s):
    disk = SCENARIOS[scenario]
    for name in (at["target"], at["map"], at["report"], at["state"], at["map"] + ".salvor.json", at["map"] + ".bak"):
        if os.path.exists(name):
            os.unlink(name)
    env = dict(
        os.environ,
        LD_PRELOAD=preload,
        SIM_SOURCE=at["source"],
        SIM_TARGET=at["target"],
        SIM_DISK=disk.wrong,
        SIM_SEED=str(seed),
        SIM_FAIL_US=str(fail_s * 1e6),
        SIM_BUDGET_S=str(disk.hours * 3600),
        SIM_PART=str(disk.part),
        SIM_REPORT=at["report"],
        SIM_BAD=at["bad"],
        SIM_STATE=at["state"],
    )
    if disk.filesystem:
        env["SIM_WANTED"] = at["used"]
    for _ in range(1 + disk.restarts):
        done = subprocess.run(
            command(tool, salvor, at), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, check=False,
        )
        if done.returncode in (0, 3):
            break
    if not os.path.exists(at["report"]):
        sys.exit(f"{tool}, {scenario}: {done.returncode} {done.stderr.decode(errors='replace')}")
    figures = json.load(open(at["report"]))
    figures["false"] = false_good(at["map"], at["bad"])
    return figures


def hours(values, asked):
    if not asked:
        return f"{'-':>8}"
    known = [v for v in values if v >= 0]
    return f"{statistics.median(values):8.3f}" if len(known) == len(values) else f"{'never':>8}"


def line(tool, runs, disk):
    of = lambda key: [r[key] for r in runs]
    asked = {"t part": disk.part <= 1, "t used": disk.filesystem}
    times = "".join(hours(of(c.replace(" ", "_").replace("used", "wanted")), asked.get(c, True)) for c in COLUMNS)
    return (
        f"  {tool:20}{times}{statistics.median(of('lost')) / 1024:10.0f}{statistics.median(of('area')):8.4f}"
        f"{statistics.median(of('failed')):9.0f}{statistics.median(of('seeks')):9.0f}{sum(of('false')):7d}"
    )


def main(work, salvor, preload, seeds="1", *wanted):
    seeds = [int(s) for s in seeds.split(",")]
    fail_s = float(os.environ.get("FAIL_S", "2.5"))
    print(f"failed read {fail_s} s, seeds {seeds}; hours")
    heads = "".join(f"{c:>8}" for c in COLUMNS)
    print(f"  {'':20}{heads}{'lost':>10}{'area':>8}{'failed':>9}{'seeks':>9}{'false':>7}")
    wrong = 0
    for scenario in wanted or SCENARIOS:
        print(scenario, flush=True)
        figures = {tool: [] for tool in TOOLS}
        for seed in seeds:
            at = make_source(work, scenario, seed)
            for tool in TOOLS:
                figures[tool].append(run(at, salvor, preload, tool, scenario, seed, fail_s))
        for tool, runs in figures.items():
            wrong += sum(r["false"] for r in runs) if tool == "salvor" else 0
            print(line(tool, runs, SCENARIOS[scenario]), flush=True)
    if wrong:
        sys.exit(f"{wrong} bytes are called read, but are bad")


main(*sys.argv[1:])
