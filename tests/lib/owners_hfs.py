#!/usr/bin/env python3
# owners_hfs.py - who owns which bytes of an HFS+ volume: sleuthkit has files and free blocks, hfsplus-check.py the trees
# SPDX-License-Identifier: GPL-3.0-or-later
"""owners_hfs.py places IMAGE   first byte and length of the catalog's leaves, the extents file's and the attributes file's
   owners_hfs.py contents IMAGE    first byte and length of the area that files are in
   owners_hfs.py record IMAGE ID   the node of the catalog that has the record of that file: its byte and length
"""
import collections
import importlib.util
import json
import os
import re
import struct
import subprocess
import sys

SECTOR = 512
PRIVATE = {"/^^^^HFS+ Private Data": "/\u2400\u2400\u2400\u2400HFS+ Private Data",
           "/.HFS+ Private Directory Data^": "/.HFS+ Private Directory Data\ufffd"}
FORKS = {"extents": (192, 3), "catalog": (272, 4), "attributes": (352, 8)}
AREAS = {"the extents file": 3, "the catalog": 4, "the allocation file": 6, "the attributes file": 8}


def parser():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hfsplus-check.py")
    spec = importlib.util.spec_from_file_location("hfsplus_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*args):
    return subprocess.run(args, capture_output=True, check=True, text=True, errors="surrogateescape").stdout


class Trees:
    """Where the nodes of the trees stand, and whose records are in each leaf."""

    def __init__(self, image):
        self.check = parser()
        self.volume = self.check.Volume(image)
        self.first, self.leaves = {}, collections.defaultdict(dict)  # name -> {sector: ids}
        self.links = {}  # number of a link itself: its folder and name
        self.threads = {}  # number: sectors of the leaf that has its thread
        self.index = set()  # sectors that lead to leaves
        for name, (at, number) in FORKS.items():
            runs, length = self.volume.fork(self.volume.header[at:at + 80], number)
            if length:
                self.read(name, runs, length)
        self.own = {}
        for name, at in (("allocation", 112), ("startup", 432)):
            self.volume.fork(self.volume.header[at:at + 80], {"allocation": 6, "startup": 7}[name])
        for block, who in self.volume.owner.items():
            self.own[block] = int(who.split()[1])

    def read(self, name, runs, length):
        v = self.volume
        where = [v.base + b * v.block + i for s, n in runs for b in range(s, s + n) for i in range(0, v.block, SECTOR)]
        tree = self.check.Tree(v.bytes_of((runs, length)), name)
        self.first[name] = {at // SECTOR for at in where[:tree.size // SECTOR]}
        for number in range(1, tree.nodes):
            raw = tree.content[number * tree.size:(number + 1) * tree.size]
            sectors = {where[number * tree.size // SECTOR + i] // SECTOR for i in range(tree.size // SECTOR)}
            if not struct.unpack_from(">H", raw, 10)[0]:
                continue
            if raw[8] != 0xff:
                self.index |= sectors
                continue
            records = tree.split(raw)
            ids = set(self.ids(name, records))
            self.leaves[name].update(dict.fromkeys(sectors, ids))
            if name == "catalog":
                self.threads.update({struct.unpack_from(">I", r, 2)[0]: sectors for r in records if r[6:8] == b"\0\0"})

    def ids(self, name, records):
        for r in records:
            key, = struct.unpack_from(">H", r)
            data = r[2 + key:]
            if name != "catalog":
                yield struct.unpack_from(">I", r, 4)[0]
            elif data[1] in (1, 2):
                if data[48:56] in (b"hlnkhfs+", b"fdrpMACS"):
                    self.links[struct.unpack_from(">I", data, 8)[0]] = struct.unpack_from(">I", r, 2)[0], r[8:2 + key].decode("utf-16-be")
                yield struct.unpack_from(">I", data, 8)[0]

    def places(self):
        """runs of sectors of each leaf"""
        for sectors in self.leaves.values():
            groups = {}
            for s, ids in sectors.items():
                groups.setdefault(id(ids), []).append(s)
            yield from (sorted(g) for g in groups.values())


class Hfs:
    """sleuthkit: names, blocks of both forks, what is free."""
    unlisted = frozenset()
    in_nodes = {"attributes"}

    def __init__(self, image, sectors):
        self.trees, self.lost = Trees(image), set(sectors)
        self.unit, self.base = self.trees.volume.block, self.trees.volume.base
        self.names, self.owner, self.forks = collections.defaultdict(set, {2: {"/"}}), {}, {}
        for line in run("fls", "-f", "hfs", "-rp", image).splitlines():
            if (found := re.match(r"(./.) (\d+):\t(.*)$", line)) and int(found[2]) >= 16:
                self.names[int(found[2])].add(self.path("/" + found[3]))
                if found[1] != "d/d":
                    self.forks[int(found[2])] = ()
        if not os.path.exists(image + ".forks"):  # to ask for them takes long
            with open(image + ".forks", "w", encoding="ascii") as f:
                json.dump({n: self.read_forks(image, n) for n in self.forks}, f)
        with open(image + ".forks", encoding="ascii") as f:
            self.forks = {int(n): forks for n, forks in json.load(f).items()}
        for number in self.forks:
            for block in self.forks[number][0] + self.forks[number][1]:
                self.owner.setdefault(block, set()).add(number)
        for number, (parent, name) in self.trees.links.items():
            self.names[number] = {p.rstrip("/") + "/" + name.replace("/", ":") for p in self.names[parent]}
        self.free = {int(m[1]) for m in re.finditer(r"^(\d+)\|f", run("blkls", "-e", "-l", "-f", "hfs", image), re.M)}

    @staticmethod
    def path(path):
        for theirs, ours in PRIVATE.items():
            path = path.replace(theirs, ours, 1)
        return path

    @staticmethod
    def read_forks(image, number):
        text = run("istat", "-f", "hfs", image, str(number))
        forks = []
        for title in ("Data Fork Blocks:", "Resource Fork Blocks:"):
            part = text.partition(title)[2].partition(":")[0]
            forks.append([b for a, _, e in re.findall(r"\b(\d+)(-(\d+))?\b", part)
                          for b in range(int(a), int(e or a) + 1)])
        return forks

    def block(self, sector):
        return (sector * SECTOR - self.base) // self.unit

    def owners(self, sector):
        return self.owner.get(self.block(sector), set())

    @staticmethod
    def is_own(_):
        return False

    def is_free(self, sector):
        return self.block(sector) in self.free

    def record_at(self, number, sector):
        """Also of folders, attributes and lists of runs: its note was in a leaf that is lost in part. Which one is told
        by the index."""
        if self.lost & self.trees.index:
            return any(sector in leaves for leaves in self.trees.leaves.values())
        return any(number in leaves.get(sector, ()) for leaves in self.trees.leaves.values())

    def paths(self, numbers):
        hidden = tuple(p + "/" for p in PRIVATE.values())
        return {n: {p for p in self.names[n] if not p.startswith(hidden)} for n in numbers}

    def check_loss(self, number, loss, fail):
        """Which bytes of which fork they are."""
        fork = self.forks[number][1 if loss["stream"] == "rsrc" else 0]
        block = self.block(loss["at"] // SECTOR)
        if loss["stream"] not in (None, "rsrc") or block not in fork:
            fail(f"byte {loss['at']} is not in that fork of {number}: {loss}")
        start = fork.index(block) * self.unit + (loss["at"] - self.base) % self.unit
        if loss["kind"] == "content" and loss["start"] != start:
            fail(f"byte {loss['at']} is {start} of {number}, {loss['start']} by the report")

    def check_all(self, said, fail):
        for s, (kind, what) in said.area.items():
            if kind == "metadata" and what in AREAS and self.trees.own.get(self.block(s)) != AREAS[what]:
                fail(f"sector {s} is of {self.trees.own.get(self.block(s))}, {what} by the report")
            if kind != "metadata" and self.block(s) in self.trees.own:
                fail(f"sector {s} is the volume's own, {kind} by the report")
            if kind == "unknown" and not said.v["caution"]:
                fail(f"sector {s} is not known, and nothing says why")
        for f in said.v["files"]:
            for loss in f["losses"]:
                if loss["kind"] in ("content", "slack"):
                    self.check_loss(f["id"], loss, fail)
                elif not self.record_at(f["id"], loss["at"] // SECTOR):
                    fail(f"nothing of {f['id']} is at {loss['at']}: {loss}")
        self.check_told(said, fail)

    def check_told(self, said, fail):
        """Who has not a word on it that it is lost? A record is told where its thread is left."""
        lost = self.lost
        for leaf in self.trees.places():
            for number in self.trees.leaves["catalog"].get(leaf[0], ()) if lost.issuperset(leaf) else ():
                if not lost & (self.trees.threads[number] | self.trees.index) and \
                        not said.kinds.get(number, set()) & {"record", "attributes"}:
                    fail(f"the record of {number} is lost, but not told")
        for s in lost:
            for number in self.owners(s) - set(said.files.get(s, ())):
                if not said.kinds.get(number, set()) & {"record", "map"} and not said.v["caution"]:
                    fail(f"sector {s} of {number} is lost, but not told")


def hot_places(image):
    """Leaves of the trees, where bad places are wanted; and what has to stay: their first nodes."""
    trees = Trees(image)
    return [(s,) for leaf in trees.places() for s in leaf], set().union(*trees.first.values())


def main():
    trees = Trees(sys.argv[2])
    if sys.argv[1] == "contents":
        files = Hfs(sys.argv[2], ())
        first, last = min(files.owner), max(files.owner)
        print(files.base + first * files.unit, (last + 1 - first) * files.unit)
    elif sys.argv[1] == "places":
        for leaf in trees.places():
            print(leaf[0] * SECTOR, len(leaf) * SECTOR)
    elif sys.argv[1] == "record":
        leaf = [s for s, ids in trees.leaves["catalog"].items() if int(sys.argv[3]) in ids]
        print(min(leaf) * SECTOR, len(leaf) * SECTOR)


if __name__ == "__main__":
    main()
