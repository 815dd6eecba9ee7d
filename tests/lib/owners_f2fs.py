# owners_f2fs.py - who owns which blocks of an F2FS, by dump.f2fs and fsck.f2fs; for owners.py
# SPDX-License-Identifier: GPL-3.0-or-later
"""dump.f2fs says of a block what it is and whose, and takes out the content of a file; fsck.f2fs knows all names."""
import os
import re
import subprocess
import tempfile

SECTOR = 512
BLOCK = 4096


def run(*args, folder=None, said=""):
    return subprocess.run(args, cwd=folder, input=said, capture_output=True, check=True, text=True,
                          errors="surrogateescape").stdout


def field(image, at, size):
    with open(image, "rb") as f:
        f.seek(1024 + at)
        return int.from_bytes(f.read(size), "little")


def nodes(image):
    """[(node, inode, block)] of the table of nodes."""
    with tempfile.TemporaryDirectory() as folder:
        run("dump.f2fs", "-n", f"0~{field(image, 60, 4) // 2 * 512 * 455}", os.path.abspath(image), folder=folder)
        with open(os.path.join(folder, "dump_nat"), encoding="ascii") as f:
            found = re.findall(r"nid:\s*(\d+)\s+ino:\s*(\d+)\s.*blkaddr:\s*(\d+)", f.read())
    return [tuple(map(int, f)) for f in found]


def hot_places(image):
    """Sectors of nodes but the root, of their table and of summaries; and none that must stay readable."""
    table = nodes(image)
    nat, ssa, main, segments = (field(image, at, 4) for at in (84, 88, 92, 68))
    blocks = [b for node, _, b in table if b >= main and node != field(image, 96, 4)] * 4
    blocks += [nat + copy for copy in (0, 512)] * 4 + [ssa + s for s in range(segments)]
    return [(b * BLOCK // SECTOR + b % 8,) for b in blocks], ()


class F2fs:
    unlisted = frozenset()
    areas = {"the superblocks and what is around them": "Reserved", "the checkpoints": "Metadata",
             "the segment information": "SIT", "quotas": "Userdata", "the table of nodes": "NAT", "the summaries of segments": "SSA"}

    def __init__(self, image, sectors):
        self.image, self.fail = os.path.abspath(image), None
        self.block = {b: self.ask(b) for b in sorted({s * SECTOR // BLOCK for s in sectors})}
        self.names = {field(image, 96, 4): {"/"}}
        self.quotas = {field(image, 2745 + 4 * i, 4) for i in range(3)} - {0}
        self.at = {node: block for node, _, block in nodes(image)}
        self.read_names()

    def ask(self, block):
        """(area, what the block is, number of the node that has it, inode)"""
        text = run("dump.f2fs", "-d", "1", "-b", str(block), self.image)
        area = re.search(r"^FS (\w+) Area(?:: (\w+))?", text, re.M)
        if not area or area[1] != "Userdata":
            return (area[1] if area else "none", "", 0, 0)
        node, inode = (int(re.search(rf"{name} +\[0x([0-9a-f]+)\]", text)[1], 16) for name in (r"SUM\.nid", r"NAT\.ino"))
        # a node that is left over may still have the address of a block that is not in use any more
        return ("Userdata", "Obsolete" if "blkaddr is not valid" in text else area[2] or "", node, inode)

    def read_names(self):
        """The tree that fsck.f2fs shows: "|   |-- name <ino = 0x5>, ..."."""
        above = []
        text = run("fsck.f2fs", "--dry-run", "-t", self.image)
        for m in re.finditer(r"^((?:\||`| ).*?)[|`]?-- (.*) <ino = 0x([0-9a-f]+)>, <encrypted", text, re.M):
            depth = len(m[1]) // 4
            above[depth:] = [m[2]]
            self.names.setdefault(int(m[3], 16), set()).add("/" + "/".join(above))

    def owners(self, sector):
        kind, inode = self.block[sector * SECTOR // BLOCK][1::2]
        return {inode} if kind in ("Node", "Data") else set()

    def is_own(self, number):
        return number in self.quotas

    def is_free(self, sector):
        return self.block[sector * SECTOR // BLOCK][1] == "Obsolete"

    def record_at(self, number, sector):
        return self.at[number] == sector * SECTOR // BLOCK

    def paths(self, numbers):
        return {n: self.names.get(n, set()) for n in numbers}

    def content(self, number):
        """What dump.f2fs takes out of the volume; None: no ordinary file."""
        with tempfile.TemporaryDirectory() as folder:
            run("dump.f2fs", "-i", str(number), self.image, folder=folder, said="y\n")
            found = [os.path.join(p, n) for p, _, names in os.walk(os.fsencode(folder)) for n in names]
            if not found:
                return None
            with open(found[0], "rb") as f:
                return f.read()

    def check_content(self, f):
        """The bytes of the file that are told are those that stood there."""
        content = self.content(f["id"])
        if content is None:
            return
        if f["size"] not in (len(content), 0):
            self.fail(f"file {f['id']} has {len(content)} bytes by dump.f2fs, {f['size']} by the report")
        with open(self.image, "rb") as image:
            for loss in f["losses"]:
                image.seek(loss["at"])
                there = image.read(loss["at_len"])
                if loss["kind"] == "content" and content[loss["start"]:loss["start"] + loss["len"]] != there:
                    self.fail(f"byte {loss['at']} is not byte {loss['start']} of file {f['id']}: {loss}")
                if loss["kind"] == "slack" and content[-1:] and there.strip(b"\0"):
                    self.fail(f"byte {loss['at']} is no slack of file {f['id']}")

    def check_loss(self, number, loss):
        _, kind, node, inode = self.block[loss["at"] // BLOCK]
        kinds = ["record"] if node == inode else ["map", "attributes"]
        if kind == "Data":
            kinds = ["entries", "slack"] if number in self.folders else ["content", "slack"]
        if loss["kind"] not in kinds:
            self.fail(f"byte {loss['at']} of file {number} is in a {kind} block {node} of {inode}, {loss} by the report")

    @property
    def folders(self):
        names = set().union(*self.names.values())
        above = {os.path.dirname(n) for n in names}
        return {number for number, paths in self.names.items() if paths & above}

    def check_all(self, said, fail):
        self.fail = fail
        if "damaged" in (said.v["caution"] or ""):
            self.fail(f"nothing is damaged, only lost, but the report says: {said.v['caution']}")
        for s, (kind, what) in said.area.items():
            if kind == "metadata" and self.block[s * SECTOR // BLOCK][0] != self.areas[what]:
                self.fail(f"sector {s} is in {self.block[s * SECTOR // BLOCK]} by dump.f2fs, {what} by the report")
        for f in said.v["files"]:
            for loss in f["losses"]:
                self.check_loss(f["id"], loss)
            self.check_content(f)
