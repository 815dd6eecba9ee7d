#!/usr/bin/env python3
# owners.py - who owns which bytes of a volume, by debugfs, sleuthkit, xfs_db or dump.f2fs; bad areas; and what a report says of them
# SPDX-License-Identifier: GPL-3.0-or-later
"""owners.py make KIND IMAGE MAPFILE SEED COUNT   a ddrescue map of IMAGE with COUNT bad places, by chance
   owners.py poison IMAGE MAPFILE              the bad places of IMAGE become rubbish
   owners.py check KIND IMAGE MAPFILE REPORT   REPORT (salvor report --json) against other tools on the intact IMAGE

KIND: ext, ntfs, fat12, fat16, fat32, exfat, xfs, btrfs, apfs, hfsplus, f2fs. Bad places are sectors and runs of them, anywhere
on the volume.
"""
import json
import os
import random
import re
import subprocess
import sys

import owners_apfs
import owners_btrfs
import owners_f2fs
import owners_hfs

SECTOR = 512
# sectors that stay readable: without them nothing can be told (of exFAT's boot regions only the second one is needed)
KEPT = {"fat12": range(1), "fat16": range(1), "fat32": range(1), "exfat": range(12, 24)}


def run(*args):
    return subprocess.run(args, capture_output=True, check=True, text=True, errors="surrogateescape").stdout


def fail(text):
    sys.exit(f"owners.py: {text}")


def make(kind, image, mapfile, seed, count):
    """Half of the places are single sectors; the other half runs of up to 40. Where trees are small beside the volume,
    some places are in them, in all their copies."""
    with open(image, "rb") as f:
        size = f.seek(0, 2)
    chance = random.Random(seed)
    places = {"btrfs": owners_btrfs.hot_places, "hfsplus": owners_hfs.hot_places,
              "f2fs": owners_f2fs.hot_places}
    hot, kept = places[kind](image) if kind in places else ((), ())
    end = size // SECTOR
    if kind == "apfs":
        hot, end = owners_apfs.hot_places(image)
    bad = set()
    for i in range(count):
        places = chance.choice(hot) if hot and i % 4 == 3 else (chance.randrange(end),)
        length = 1 if i % 2 else chance.randrange(1, 40)
        for first in places:
            bad.update(range(first, min(first + length, size // SECTOR)))
    bad.difference_update(KEPT.get(kind, ()), kept)
    with open(mapfile, "w", encoding="ascii") as out:
        print("0x0 + 1", file=out)
        pos, edges = 0, sorted(bad)
        while pos < size // SECTOR:
            state = pos in bad
            end = pos + 1
            if not edges:
                end = size // SECTOR
            elif not state:
                end = edges[0]
            else:
                while end in bad:
                    end += 1
                edges = [b for b in edges if b >= end]
            print(f"{pos * SECTOR:#x} {(end - pos) * SECTOR:#x} {'-' if state else '+'}", file=out)
            pos = end


def lost_sectors(mapfile):
    lost = []
    with open(mapfile, encoding="ascii") as f:
        for line in f:
            words = line.split()
            if len(words) == 3 and words[2] == "-":
                start, length = int(words[0], 0), int(words[1], 0)
                lost += range(start // SECTOR, (start + length) // SECTOR)
    return lost


def poison(image, mapfile):
    with open(image, "r+b") as f:
        for s in lost_sectors(mapfile):
            f.seek(s * SECTOR)
            f.write(b"\xa5" * SECTOR)


class Ext:
    """debugfs: icheck, ncheck, testb."""
    unlisted = frozenset()

    def __init__(self, image, sectors):
        self.image = image
        text = run("dumpe2fs", "-h", image)
        self.unit = int(re.search(r"Block size: +(\d+)", text)[1])
        self.own = {1, 3, 4, 5, 6, 7, 8, 9, 10}
        orphan = re.search(r"Orphan file inode: +(\d+)", text)
        if orphan:
            self.own.add(int(orphan[1]))
        blocks = sorted({s * SECTOR // self.unit for s in sectors})
        self.inode = {}
        for i in range(0, len(blocks), 200):
            for line in self.debugfs("icheck " + " ".join(map(str, blocks[i:i + 200]))).splitlines()[1:]:
                block, inode = line.split("\t")
                self.inode[int(block)] = int(inode) if inode.isdigit() else 0
        self.free = set()
        with subprocess.Popen(["debugfs", image], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as p:
            out = p.communicate("".join(f"testb {b}\n" for b in blocks))[0]
        for line in out.splitlines():
            found = re.search(r"Block (\d+) not in use", line)
            if found:
                self.free.add(int(found[1]))
        self.names = {}

    def debugfs(self, command):
        return run("debugfs", "-R", command, self.image)

    def owners(self, sector):
        inode = self.inode[sector * SECTOR // self.unit]
        return {inode} if inode else set()

    def is_own(self, number):
        return number in self.own

    def is_free(self, sector):
        return sector * SECTOR // self.unit in self.free

    def record_at(self, number, sector):
        """Whether the inode itself lies there."""
        found = re.search(r"located at block (\d+), offset 0x([0-9a-f]+)", self.debugfs(f"imap <{number}>"))
        at = int(found[1]) * self.unit + int(found[2], 16)
        return at // SECTOR == sector

    def paths(self, numbers):
        paths = {n: set() for n in numbers}
        numbers = sorted(numbers)
        for i in range(0, len(numbers), 200):
            text = self.debugfs("ncheck " + " ".join(map(str, numbers[i:i + 200])))
            for line in text.splitlines()[1:]:
                inode, path = line.split("\t", 1)
                paths[int(inode)].add("/" + path.lstrip("/") if path != "/" else "/")
        if 2 in paths:
            paths[2] = {"/"}
        return paths


class Ntfs:
    """ntfscluster: all runs of all records; sleuthkit: names, and what is free."""
    unlisted = frozenset()

    def __init__(self, image):
        self.unit = int(re.search(r"Cluster Size: +(\d+)", run("fsstat", "-f", "ntfs", image))[1])
        self.owner, self.names, self.mft = {}, {5: {"/"}}, []
        inode, attr, last = 0, 0, os.stat(image).st_size // self.unit - 1
        for line in run("ntfscluster", "-v", "-f", "-c", f"0-{last}", image).splitlines():
            if found := re.match(r"Inode: (\d+)", line):
                inode = int(found[1])
            elif found := re.match(r"\t\[0x([0-9A-F]+)\]", line):
                attr = int(found[1], 16)
            elif found := re.match(r"\t\t\d+\t(\d+)-(\d+) \(", line):
                units = range(int(found[1]), int(found[2]) + 1)
                self.mft += units if (inode, attr) == (0, 0x80) else []
                for unit in units:
                    self.owner.setdefault(unit, set()).add(inode)
        for line in run("fls", "-f", "ntfs", "-rp", image).splitlines():
            if found := re.match(r"([dr])/[dr] (\d+)(-\S+)?:\t(.*)$", line):
                self.names.setdefault(int(found[2]), set()).add("/" + found[4])
        text = run("blkls", "-e", "-l", "-f", "ntfs", image)
        self.free = {int(m[1]) for m in re.finditer(r"^(\d+)\|f", text, re.M)}

    def owners(self, sector):
        return self.owner.get(sector * SECTOR // self.unit, set())

    def is_free(self, sector):
        return sector * SECTOR // self.unit in self.free

    @staticmethod
    def is_own(number):
        return number < 24 and number != 5

    def record_at(self, number, sector):
        at = number * 1024
        start = self.mft[at // self.unit] * self.unit + at % self.unit
        return start // SECTOR <= sector < (start + 1024) // SECTOR

    def paths(self, numbers):
        """Streams are names of their own to sleuthkit."""
        return {n: {re.sub(r":[^/]*$", "", p) for p in self.names.get(n, ())} for n in numbers}


class Fat:
    """mtools: the clusters of every name; sleuthkit: what is free. A file is known by its path."""
    unlisted = frozenset("/")  # mtools does not show where the root folder lies

    def __init__(self, kind, image):
        kind = "fat" + kind[3:]
        text = run("fsstat", "-f", kind, image)
        self.per = int(re.search(r"Cluster Size: +(\d+)", text)[1]) // SECTOR
        self.start = int(re.search(r"Cluster Area: +(\d+)", text)[1])
        names = [n.rstrip("/") for n in run("mdir", "-/", "-b", "-i", image, "::").splitlines()]
        self.owner = {}
        for i in range(0, len(names), 500):
            for line in run("mshowfat", "-i", image, *names[i:i + 500]).splitlines():
                path, _, runs = line.removeprefix("::").partition(" <")
                for first, last in re.findall(r"<?(\d+)(?:-(\d+))?>", runs):
                    for unit in range(int(first), int(last or first) + 1):
                        self.owner.setdefault(unit, set()).add(path)
        text = run("blkls", "-e", "-l", "-f", kind, image)
        self.free = {int(m[1]) for m in re.finditer(r"^(\d+)\|f", text, re.M)}

    def owners(self, sector):
        return self.owner.get((sector - self.start) // self.per + 2, set()) if sector >= self.start else set()

    def is_free(self, sector):
        return sector in self.free

    @staticmethod
    def is_own(_):
        return False

    @staticmethod
    def record_at(_number, _sector):
        return False

    @staticmethod
    def paths(numbers):
        return {n: {n} for n in numbers}


class Exfat:
    """sleuthkit: names, sectors of each, what is free. A file is known by its path."""
    unlisted = frozenset("/")  # sleuthkit does not show where the root folder lies

    def __init__(self, image):
        with open(image, "rb") as f:
            boot = f.read(512)
        self.start, self.per = int.from_bytes(boot[88:92], "little"), 1 << boot[109]
        self.owner = {}
        for line in run("fls", "-f", "exfat", "-rp", image).splitlines():
            found = re.match(r"[dr]/[dr] (\d+):\t(.*)$", line)
            if not found or found[2].startswith(("$FAT", "$MBR", "$OrphanFiles")) or "(Volume Label" in line:
                continue
            path = "/" + found[2]
            text = run("istat", "-f", "exfat", image, found[1]).partition("Sectors:")[2]
            for s in map(int, text.split()):
                if s >= self.start:
                    self.owner.setdefault((s - self.start) // self.per, set()).add(path)
        text = run("blkls", "-e", "-l", "-f", "exfat", image)
        self.free = {int(m[1]) for m in re.finditer(r"^(\d+)\|f", text, re.M)}

    def owners(self, sector):
        return self.owner.get((sector - self.start) // self.per, set()) if sector >= self.start else set()

    def is_free(self, sector):
        return sector in self.free

    @staticmethod
    def is_own(path):
        return path in ("/$ALLOC_BITMAP", "/$UPCASE_TABLE")

    @staticmethod
    def record_at(_number, _sector):
        return False

    @staticmethod
    def paths(numbers):
        return {n: {n} for n in numbers}


class Xfs:
    """xfs_db: ls and bmap of every inode; blockuse for what else a block may be."""
    unlisted = frozenset()
    areas = {"the log": {"log"}, "a superblock": {"sb"}, "the headers of a group": {"sb", "agf", "agi", "agfl"},
             "a tree of inodes": {"btino", "btfino"}, "an unused inode": {"inode"},
             "a tree of free space": {"btbno", "btcnt"}, "a tree of owners": {"btrmap"},
             "a tree of shared blocks": {"btrefcnt"}, "a block kept for the trees": {"freelist"},
             "a group's trees": {"btbno", "btcnt", "btrmap", "freelist"}, "inodes": {"inode"},
             "room for copies of shared blocks": {"cowdata"}, "quotas": {"quota", "inode"},
             "the realtime section's map": {"rtbitmap", "rtsum", "inode"}}

    def __init__(self, image, sectors):
        self.image = image
        text = self.db(["sb 0", "print"])
        value = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) = (\d+)$", text, re.M)}
        self.unit, self.ag_blocks, self.isize = value["blocksize"], value["agblocks"], value["inodesize"]
        self.ag_bits = value["agblklog"] + value["inopblog"]
        self.own = {value["rbmino"], value["rsumino"], value.get("uquotino"), value.get("gquotino")}
        self.names, self.size, self.map, self.owner = {value["rootino"]: {"/"}}, {}, {}, {}
        self.attrs = set()
        self.read_folders([value["rootino"]])
        self.read_maps()
        blocks = sorted({s * SECTOR // self.unit for s in sectors})
        self.kind = self.block_kinds(blocks, value["agblklog"])

    def db(self, commands):
        text = subprocess.run(["xfs_db", "-r", "-f", self.image], input="\n".join(commands + ["quit", ""]), check=True,
                              capture_output=True, text=True, errors="surrogateescape").stdout
        return re.sub(r"^(xfs_db> )+", "", text, flags=re.M)

    def each(self, numbers, command):
        """(inode, what the command says of it)"""
        commands = []
        for n in numbers:
            commands += [f"echo =inode {n}", f"inode {n}", command]
        for part in self.db(commands).split("=inode ")[1:]:
            number, _, text = part.partition("\n")
            yield int(number), text

    def read_folders(self, folders):
        while folders:
            below = []
            for folder, text in self.each(folders, "ls"):
                above = min(self.names[folder]).rstrip("/")
                for m in re.finditer(r"^\d+\s+(\d+)\s+(\S+)\s+0x[0-9a-f]+\s+\d+ (.*) \(good\)$", text, re.M):
                    if m[3] in (".", ".."):
                        continue
                    self.names.setdefault(int(m[1]), set()).add(f"{above}/{m[3]}")
                    below += [int(m[1])] if m[2] == "directory" else []
            folders = below

    def read_maps(self):
        for number, text in self.each(sorted(self.names), "print core.size core.format"):
            self.size[number] = int(re.search(r"core.size = (\d+)", text)[1])
            self.map[number] = {}
        for command in ("bmap -d", "bmap -a"):
            for number, text in self.each(sorted(self.names), command):
                for m in re.finditer(r"offset (\d+) startblock \d+ \((\d+)/(\d+)\) count (\d+) flag (\d+)", text):
                    offset, group, first, count, flag = map(int, m.groups())
                    for i in range(count):
                        block = group * self.ag_blocks + first + i
                        self.owner.setdefault(block, set()).add(number)
                        if command == "bmap -d":
                            self.map[number][block] = (offset + i, flag)
                        else:
                            self.attrs.add((number, block))

    def block_kinds(self, blocks, bits):
        commands = ["blockget -n"]
        for b in blocks:
            commands += [f"fsblock {b // self.ag_blocks << bits | b % self.ag_blocks}", "blockuse"]
        kind = {}
        for m in re.finditer(r"^block \d+ \((\d+)/(\d+)\) type (\S+)(?: inode (\d+))?", self.db(commands), re.M):
            block = int(m[1]) * self.ag_blocks + int(m[2])
            kind[block] = m[3]
            if m[4]:  # also blocks of a list of extents, which it calls data
                self.owner.setdefault(block, set()).add(int(m[4]))
        return kind

    def owners(self, sector):
        return self.owner.get(sector * SECTOR // self.unit, set())

    def is_own(self, number):
        return number in self.own

    def is_free(self, sector):
        return self.kind[sector * SECTOR // self.unit] in ("free1", "free2")

    def record_at(self, number, sector):
        at = (number >> self.ag_bits) * self.ag_blocks * self.unit
        at += (number & (1 << self.ag_bits) - 1) * self.isize
        return at // SECTOR <= sector <= (at + self.isize - 1) // SECTOR

    def paths(self, numbers):
        return {n: self.names.get(n, set()) for n in numbers}

    def check_loss(self, number, loss, log_lost):
        """Which bytes of the file they are; what was never written is no loss, if the log does not know better."""
        where = self.map[number].get(loss["at"] // self.unit)
        if loss["kind"] not in ("content", "slack") or not where or min(self.names[number]).endswith("link"):
            return
        start, size = where[0] * self.unit + loss["at"] % self.unit, self.size[number]
        kind = "content" if start < size and (log_lost or not where[1]) else "slack"
        if (loss["start"], loss["kind"]) != (start, kind):
            fail(f"byte {loss['at']} is {kind} {start} of inode {number} by xfs_db, {loss} by the report")

    def check_all(self, said, _fail):
        if "damaged" in (said.v["caution"] or ""):
            fail(f"nothing is damaged, only lost, but the report says: {said.v['caution']}")
        for s, (kind, what) in said.area.items():
            block = s * SECTOR // self.unit
            if kind == "metadata" and self.kind[block] not in self.areas[what]:
                fail(f"sector {s} is {self.kind[block]} by xfs_db, {what} by the report")
        for f in said.v["files"]:
            if set(f["paths"]) != self.names.get(f["id"], set()) and not depends_on_lost(said):
                fail(f"file {f['id']} is {self.names.get(f['id'])} by xfs_db, {f['paths']} by the report")
            if f["id"] in self.map and "record" in said.kinds[f["id"]]:
                self.size[f["id"]] = 1 << 63  # the report cannot know it
            for loss in f["losses"]:
                block = loss["at"] // self.unit
                if loss["kind"] == "map" and (f["id"] not in self.owner[block] or block in self.map[f["id"]]):
                    fail(f"byte {loss['at']} is {self.kind[block]}, no map of inode {f['id']}")
                if loss["kind"] == "content" and (f["id"], block) in self.attrs or \
                        loss["kind"] == "attributes" and block in self.map.get(f["id"], ()):
                    fail(f"byte {loss['at']} of inode {f['id']} is {loss['kind']} by the report")
                if f["id"] in self.map:
                    self.check_loss(f["id"], loss, "its log" in (said.v["caution"] or ""))


class Said:
    """What the report says of each sector."""

    def __init__(self, report, kind):
        if len(report["volumes"]) != 1:
            fail(f"the report has {len(report['volumes'])} volumes")
        self.v = report["volumes"][0]
        if self.v["reason"]:
            fail(f"nothing can be told: {self.v['reason']}")
        self.files, self.kinds, self.area = {}, {}, {}
        for f in self.v["files"]:
            for loss in f["losses"]:
                for s in range(loss["at"] // SECTOR, (loss["at"] + loss["at_len"] - 1) // SECTOR + 1):
                    self.files.setdefault(s, {}).setdefault(self.number(f, kind), set()).add(loss["kind"])
                self.kinds.setdefault(self.number(f, kind), set()).add(loss["kind"])
        for a in self.v["areas"]:
            for s in range(a["start"] // SECTOR, (a["start"] + a["len"] - 1) // SECTOR + 1):
                self.area[s] = (a["kind"], a["what"])

    @staticmethod
    def number(f, kind):
        """FAT and exFAT have no numbers of their own: there a file is its path."""
        return (f["paths"] or [f["id"]])[0] if "fat" in kind else f["id"]


def depends_on_lost(said):
    """Names and owners may be missing where folders, records or lists of blocks are lost."""
    return bool(said.v["caution"]) or any(f["folder"] for f in said.v["files"]) or \
        any(k & {"record", "map"} for k in said.kinds.values())


def short_names(said, ours):
    """On FAT, where the entries that hold a long name are lost, only the short one is left."""
    return {n for n in ours if isinstance(n, str) and "~" in n and depends_on_lost(said)}


def check_file(s, owners, ours, theirs, said):
    for number, kinds in ours.items():
        if kinds == {"record"} and not theirs.record_at(number, s):
            fail(f"sector {s} is not the record of {number}")
    elsewhere = {"record", "map"} | getattr(theirs, "in_nodes", set())
    content = {n for n, kinds in ours.items() if kinds - elsewhere} - theirs.unlisted
    short = short_names(said, ours)
    missed = {n for n in owners - set(ours) if not said.kinds.get(n, set()) & {"record", "map"}}
    if content - owners - short or len(short) < len(missed):
        fail(f"sector {s} is {owners} by the other tool, {ours} by the report")


def check_area(s, owners, own, said, theirs, count):
    area, what = said.area.get(s, (None, None))
    if not area:
        fail(f"sector {s} is in nothing")
    count[area] += 1
    if area == "metadata" and owners:
        fail(f"sector {s} is {owners} by the other tool, {what} by the report")
    if area == "free" and (owners or own or not theirs.is_free(s)):
        fail(f"sector {s} is free by the report, {owners or 'used'} by the other tool")
    if area == "unknown":
        hidden = any(said.kinds.get(n, set()) & {"record", "map"} for n in owners)
        count["justified"] += hidden
        if owners and not hidden and not depends_on_lost(said):
            fail(f"sector {s} cannot be told by the report; it is {owners}")
        if not owners and not own and theirs.is_free(s):
            count["free_unknown"] += 1


def check_sector(s, theirs, said, count):
    everyone = theirs.owners(s)
    owners = {n for n in everyone if not theirs.is_own(n)}
    if s in said.files:
        check_file(s, owners, said.files[s], theirs, said)
        count["files"] += 1
    else:
        check_area(s, owners, everyone != owners, said, theirs, count)


def check_names(theirs, said, count, kind):
    known = theirs.paths([said.number(f, kind) for f in said.v["files"]])
    for f in said.v["files"]:
        right, ours = known[said.number(f, kind)], set(f["paths"])
        count["named"] += ours == right
        if ours != right and not (ours < right or any("/?" in p for p in ours) and depends_on_lost(said)):
            fail(f"file {f['id']} is {right} by the other tool, {ours} by the report")


def check_btrfs(image, sectors, said):
    """What Btrfs has of its own: trees, copies, subvolumes, and every range of every file."""
    theirs = owners_btrfs.Btrfs(image, sectors)
    count = theirs.check(said, fail)
    count["named"] = 0
    check_names(theirs, said, count, "btrfs")
    return count


def check_sectors(kind, image, sectors, said):
    theirs = {"ext": lambda: Ext(image, sectors), "ntfs": lambda: Ntfs(image), "exfat": lambda: Exfat(image),
              "xfs": lambda: Xfs(image, sectors), "apfs": lambda: owners_apfs.Apfs(image),
              "hfsplus": lambda: owners_hfs.Hfs(image, sectors),
              "f2fs": lambda: owners_f2fs.F2fs(image, sectors)}.get(kind, lambda: Fat(kind, image))()
    count = dict.fromkeys(["files", "metadata", "free", "unknown", "justified", "free_unknown", "named"], 0)
    for s in sectors:
        check_sector(s, theirs, said, count)
    check_names(theirs, said, count, kind)
    if hasattr(theirs, "check_all"):
        theirs.check_all(said, fail)
    return count


def check(kind, image, mapfile, reportfile):
    sectors = lost_sectors(mapfile)
    with open(reportfile, encoding="utf-8") as f:
        report = json.load(f)
    said = Said(report, kind)
    count = check_btrfs(image, sectors, said) if kind == "btrfs" else check_sectors(kind, image, sectors, said)
    total = sum(said.v[k] for k in ("in_files", "metadata", "free", "unknown"))
    if total != said.v["lost"] or total != len(sectors) * SECTOR:
        fail(f"{total} bytes are accounted for, {len(sectors) * SECTOR} are lost")
    print(f"sectors {len(sectors)}", " ".join(f"{k} {v}" for k, v in count.items()), f"hit {len(said.v['files'])}")
    if not count["files"]:
        fail("no file was hit: this proves nothing")


def main():
    if len(sys.argv) == 7 and sys.argv[1] == "make":
        make(*sys.argv[2:5], int(sys.argv[5]), int(sys.argv[6]))
    elif len(sys.argv) == 4 and sys.argv[1] == "poison":
        poison(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 6 and sys.argv[1] == "check":
        check(*sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
