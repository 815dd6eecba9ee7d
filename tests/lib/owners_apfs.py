# owners_apfs.py - who owns which bytes of an APFS container, by sleuthkit; part of owners.py
# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import re
import struct
import subprocess

SECTOR = 512
FILES, INODE, XATTR, ENTRY = 14, 3, 4, 9  # what a node is of; kinds of records
# kinds and subkinds of objects, by the words of the report
OBJECTS = {"a tree of files": {(2, 14), (3, 14)}, "a tree of extents": {(2, 15), (3, 15)}, "an object map": {(11, 0), (2, 11), (3, 11)},
           "the container's object map": {(11, 0), (2, 11), (3, 11)}, "a volume's superblock": {(13, 0)},
           "a list of snapshots": {(2, 16), (3, 16)}, "a superblock": {(1, 0)}}


def run(*args):
    return subprocess.run(args, capture_output=True, check=True, text=True, errors="surrogateescape").stdout


def streams(text):
    """(name or "", blocks) of what istat says of an inode; holes are 0"""
    for part in re.split(r"^Type: ", text.partition("Attributes: ")[2], flags=re.M)[1:]:
        head, _, blocks = part.partition("\n")
        name = re.search(r"Name: (.*?)   Non-Resident", head)
        if name:
            yield "" if name[1] == "N/A" else name[1], [int(b) for b in blocks.split()]


def hot_places(image):
    """Sectors of its trees of files, which are small beside the volume; and what all that is used lies before, or nearly."""
    hot, end = [], 0
    with open(image, "rb") as f:
        while True:
            node = f.read(4096)
            if not node:
                return hot, end + 400
            if any(node):
                end = f.tell() // SECTOR
            if struct.unpack_from("<II", node, 24) in ((2, FILES), (3, FILES)):
                hot.append((f.tell() // SECTOR - 8,))


class Apfs:
    """pstat: volumes, and what is free; fls: names; istat: blocks of each file."""
    unlisted = frozenset()
    in_nodes = {"entries", "attributes"}  # of trees, not in blocks of a file

    def __init__(self, image):
        self.image = image
        text = run("pstat", image)
        self.unit = int(re.search(r"Block Size: +(\d+)", text)[1])
        self.free = [(int(a, 16), int(b, 16)) for a, b in re.findall(r"^\|   0x([0-9a-f]+)-0x([0-9a-f]+)$", text, re.M)]
        self.owner, self.names = {}, {}  # block -> {(file, stream, index)}
        volumes = re.findall(r"APSB Block Number: (\d+)$.*?Name \(Role\): (.*?) \(", text, re.M | re.S)
        for i, (block, name) in enumerate(volumes):
            self.names[i << 40 | 2] = {f"/{name}"}
            self.read_volume(i, block, name)
        for number, stream, blocks in self.read_streams(volumes):
            for k, block in enumerate(blocks):
                if block:
                    self.owner.setdefault(block, set()).add((number, stream, k))

    def read_volume(self, i, block, volume):
        for line in run("fls", "-P", "apfs", "-B", block, "-rp", self.image).splitlines():
            found = re.match(r"./. (\d+):\t(.*)$", line)
            self.names.setdefault(i << 40 | int(found[1]), set()).add(f"/{volume}/{found[2]}")

    def read_streams(self, volumes):
        """istat takes its time: what it said is kept beside the image."""
        kept = f"{self.image}.streams"
        if not os.path.exists(kept) or os.path.getmtime(kept) < os.path.getmtime(self.image):
            found = []
            for number in self.names:
                block, inode = volumes[number >> 40][0], number & (1 << 40) - 1
                text = run("istat", "-P", "apfs", "-B", block, self.image, str(inode))
                found += [(number, name, blocks) for name, blocks in streams(text)]
            with open(kept, "w", encoding="utf-8") as f:
                json.dump(found, f)
        with open(kept, encoding="utf-8") as f:
            return json.load(f)

    def owners(self, sector):
        return {number for number, _, _ in self.owner.get(sector * SECTOR // self.unit, ())}

    def is_own(self, _):
        return False

    def is_free(self, sector):
        block = sector * SECTOR // self.unit
        return any(a <= block <= b for a, b in self.free)

    def node(self, sector):
        with open(self.image, "rb") as f:
            f.seek(sector * SECTOR // self.unit * self.unit)
            return f.read(self.unit)

    def holds(self, sector, number, kind):
        """Whether a node of a tree of files lies there that has such a record of that inode, or is above such nodes."""
        node = self.node(sector)
        return node[28] == FILES and (node[34] or struct.pack("<Q", number & (1 << 40) - 1 | kind << 60) in node)

    def record_at(self, number, sector):
        return self.holds(sector, number, INODE)

    def paths(self, numbers):
        return {n: self.names.get(n, set()) for n in numbers}

    def check_all(self, said, fail):
        if "damaged" in (said.v["caution"] or ""):
            fail(f"nothing is damaged, only lost, but the report says: {said.v['caution']}")
        for s, (kind, what) in said.area.items():
            if kind == "metadata" and what in OBJECTS:
                found = struct.unpack_from("<HxxI", self.node(s), 24)
                if found not in OBJECTS[what]:
                    fail(f"sector {s} is an object of kind {found}, {what} by the report")
        for f in said.v["files"]:
            for loss in f["losses"]:
                self.check_loss(f["id"], loss, fail)

    def check_loss(self, number, loss, fail):
        """Which bytes of which stream."""
        block, within = divmod(loss["at"], self.unit)
        mine = {(s, k) for n, s, k in self.owner.get(block, ()) if n == number}
        if loss["kind"] in ("content", "slack"):
            at = (loss["stream"] or "", (loss["start"] - within) // self.unit)
            if at not in mine or (loss["start"] - within) % self.unit:
                fail(f"byte {loss['at']} of file {number} is {mine} by istat, {loss} by the report")
        kind = {"entries": ENTRY, "attributes": XATTR}.get(loss["kind"])
        if kind and not self.holds(loss["at"] // SECTOR, number, kind):
            fail(f"byte {loss['at']} has no {loss['kind']} of file {number}")
        if loss["kind"] == "map" and self.node(loss["at"] // SECTOR)[28] != FILES:
            fail(f"byte {loss['at']} of file {number} is in no node, {loss} by the report")
