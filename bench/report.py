#!/usr/bin/env python3
# report.py - tables of measured runs: medians, ratios to the peer with their spread, and how the targets of the design fall
# SPDX-License-Identifier: GPL-3.0-or-later
"""
report.py RESULTS      lines of RESULTS: KIND, ROUND, NAME, "WALL CPU RSS_KIB", STORED_BYTES, with tabs between

A ratio is made within a round, so that what slows the machine down hits both sides; the median over the rounds is printed, and
the smallest and the largest. CPU is user plus system.
"""
import statistics
import sys

SAVE_REF, RESTORE_REF = "partclone -c | zstd -T2 -3", "zstd -dc | partclone.restore"
SAVE, RESTORE = "salvor save --no-verify", "salvor restore --no-verify"
WALL, CPU, RSS, STORED = range(4)

# what, of whom, which figure, compared with, at most
TARGETS = [
    ("save CPU / libzstd on the same frames", SAVE, CPU, "libzstd, same frames", 1.20),
    ("save wall / partclone -c | zstd -T2 -3", SAVE, WALL, SAVE_REF, 0.60),
    ("save stored / partclone -c | zstd -T2 -3", SAVE, STORED, SAVE_REF, 1.04),
    ("CPU of the verify pass of a save / save CPU", "verify pass", CPU, SAVE, 0.40),
    ("salvor verify (sums of all files, too) / save", "salvor verify", CPU, SAVE, 0.40),
    ("restore wall / zstd -dc | partclone.restore", RESTORE, WALL, RESTORE_REF, 0.50),
]
RSS_TARGET_MIB = 128


def load(path):
    kinds = {}
    for line in open(path):
        kind, number, name, figures, stored = line.rstrip("\n").split("\t")
        wall, cpu, rss = figures.split()
        figures = (float(wall), float(cpu), int(rss) / 1024, int(stored))
        kinds.setdefault(kind, {}).setdefault(name, {})[number] = figures
    return kinds


def add_verify_pass(runs):
    """What a save that verifies takes longer than one that does not."""
    plain, verified = runs.get(SAVE, {}), runs.get("salvor save (verifies)", {})
    rounds = {n: (0, verified[n][CPU] - plain[n][CPU], 0, 0) for n in verified if n in plain}
    if rounds:
        runs["verify pass"] = rounds


def ratios(runs, name, reference, column):
    """One ratio per round in which both took part."""
    mine, other = runs.get(name, {}), runs.get(reference, {})
    return [mine[n][column] / other[n][column] for n in mine if n in other and other[n][column] and mine[n][column]]


def spread(values):
    if not values:
        return f"{'-':>16}"
    return f"{statistics.median(values):5.2f} ({min(values):.2f}-{max(values):.2f})".rjust(16)


def table(title, runs, names, reference):
    names = [n for n in names if n in runs]
    if not names:
        return
    print(f"\n{title}; ratios to {reference}, smallest and largest of the rounds in brackets")
    print(f"{'':<34}{'wall s':>8}{'CPU s':>8}{'RSS MiB':>9}{'stored MiB':>12}{'wall':>16}{'CPU':>16}{'stored':>16}")
    for name in names:
        wall, cpu, rss, stored = (statistics.median(c) for c in zip(*runs[name].values()))
        show = lambda value, text: text if value else "-"
        print(f"{name:<34}{show(wall, f'{wall:.2f}'):>8}{cpu:>8.2f}{show(rss, f'{rss:.0f}'):>9}"
              f"{show(stored, f'{stored / 2**20:.1f}'):>12}"
              + "".join(spread(ratios(runs, name, reference, c)) for c in (WALL, CPU, STORED)))


def is_restore(name):
    return "restore" in name or "dc |" in name or "restfs" in name or "-n" in name.split() or name == "salvor verify"


def targets(kind, runs):
    print(f"\nTargets, {kind}")
    for what, name, column, reference, most in TARGETS:
        values = ratios(runs, name, reference, column)
        if values:
            verdict = "met" if statistics.median(values) <= most else "MISSED"
            print(f"  {what:<48}{spread(values)}   at most {most:.2f}: {verdict}")
    peak = max((f[RSS] for name in runs if name.startswith("salvor") for f in runs[name].values()), default=0)
    print(f"  {'peak RSS of salvor, MiB':<48}{peak:>16.0f}   at most {RSS_TARGET_MIB}: {'met' if peak <= RSS_TARGET_MIB else 'MISSED'}")


def main():
    kinds = load(sys.argv[1])
    for kind, runs in kinds.items():
        table(f"Save, {kind}", runs, [n for n in runs if not is_restore(n)], SAVE_REF)
        table(f"Restore, {kind}", runs, [n for n in runs if is_restore(n)], RESTORE_REF)
        add_verify_pass(runs)
    for kind, runs in kinds.items():
        targets(kind, runs)


main()
