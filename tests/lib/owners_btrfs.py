#!/usr/bin/env python3
# owners_btrfs.py - whose bytes are these on a Btrfs, by btrfs inspect-internal dump-tree; and what a report says of them
# SPDX-License-Identifier: GPL-3.0-or-later
"""owners_btrfs.py IMAGE   place and length of what is in use, but of no file any more: the longest piece
Otherwise used by owners.py. Everything is computed anew from the dump of an intact image: places of chunks, nodes of trees,
extents, and which parts of which files refer to them. Numbers are those of a report: inode, above it the subvolume."""
import bisect
import re
import subprocess
import sys

SECTOR = 512
UNIT = 65536
MIB = 1 << 20
SUPERS = (64 * 1024, 64 * MIB, 256 << 30)
INODE_BITS = 40
TREES = {"FS_TREE": 5, "EXTENT_TREE": 2, "DEV_TREE": 4, "CSUM_TREE": 7, "TREE_LOG": -6}


def dump(image):
    """Lines of all trees, each with the number of its tree."""
    out = subprocess.run(["btrfs", "inspect-internal", "dump-tree", image], capture_output=True, check=True, text=True,
                         errors="surrogateescape").stdout
    tree = 0
    names = {"root tree": 1, "chunk tree": 3, "log root tree": -6}
    for line in out.splitlines():
        if line in names:
            tree = names[line]
        elif found := re.match(r"[a-z ]*tree key \((\S+) ROOT_ITEM (\S+)\)", line):
            log = line.startswith("log tree")
            number = TREES.get(found[1])
            tree = number or (int(found[1]) if found[1].isdigit() else -1)
            if log:
                tree = int(found[2]) if found[2].isdigit() else 5
        else:
            yield tree, line


class Item:
    """One item: its key, the node it stands in, its text."""

    def __init__(self, tree, leaf, key):
        self.tree, self.leaf, self.lines = tree, leaf, []
        words = key.split(" ")
        self.object, self.kind, self.offset = words[0], words[1], words[2]

    def number(self, pattern, default=None):
        for line in self.lines:
            if found := re.search(pattern, line):
                return int(found[1])
        return default


def items(image):
    """Items and, as (tree, logical, which is above it or None), nodes."""
    leaf, item, above = None, None, {}
    for tree, line in dump(image):
        if found := re.match(r"(leaf|node) (\d+) (?:level \d+ )?items", line):
            if item:
                yield item
            leaf, item = int(found[2]), None
            yield tree, leaf, above.get((tree, leaf))
        elif found := re.match(r"\tkey \(.*\) block (\d+) gen", line):
            above[tree, int(found[1])] = leaf
        elif found := re.match(r"\titem \d+ key \((.*)\) itemoff", line):
            if item:
                yield item
            item = Item(tree, leaf, found[1])
        elif item:
            item.lines.append(line)
    if item:
        yield item


def as_int(word):
    return int(word) if word.isdigit() else -1


class Chunk:
    def __init__(self, item, devid):
        text = "\n".join(item.lines)
        self.start, self.len = int(item.offset), int(re.search(r"length (\d+)", text)[1])
        self.kind = re.search(r"type (\S+)", text)[1]
        stripes = [(int(d), int(o)) for d, o in re.findall(r"stripe \d+ devid (\d+) offset (\d+)", text)]
        self.sub = int(re.search(r"sub_stripes (\d+)", text)[1])
        self.n = len(stripes)
        self.mine = [(i, o) for i, (d, o) in enumerate(stripes) if d == devid]
        self.shares = self.n if "RAID0" in self.kind else self.n // self.sub if "RAID10" in self.kind else \
            self.n - 1 if "RAID5" in self.kind else self.n - 2 if "RAID6" in self.kind else 1
        self.plain = not re.search(r"RAID(0|10|5|6)\b", self.kind)

    def logical(self, index, off):
        """What is `off` bytes into that stripe; None: parity."""
        if self.plain:
            return self.start + off
        row, within = divmod(off, UNIT)
        share = index
        if "RAID10" in self.kind:
            share = index // self.sub
        elif "RAID5" in self.kind or "RAID6" in self.kind:
            share = (index - row) % self.n
        return self.start + (row * self.shares + share) * UNIT + within if share < self.shares else None


class Ranges:
    """Disjoint ranges with a value each, by their start."""

    def __init__(self, ranges):
        self.v = sorted(ranges, key=lambda r: r[0])
        self.starts = [r[0] for r in self.v]

    def at(self, pos):
        i = bisect.bisect_right(self.starts, pos) - 1
        return self.v[i] if i >= 0 and pos < self.v[i][0] + self.v[i][1] else None


class Btrfs:
    def __init__(self, image, sectors):
        text = subprocess.run(["btrfs", "inspect-internal", "dump-super", image], capture_output=True, check=True,
                              text=True).stdout
        self.node_size = int(re.search(r"^nodesize\s+(\d+)", text, re.M)[1])
        self.devid = int(re.search(r"^dev_item.devid\s+(\d+)", text, re.M)[1])
        self.dev_size = int(re.search(r"^dev_item.total_bytes\s+(\d+)", text, re.M)[1])
        self.sectors = set(sectors)
        self.root_items = {}  # of a tree: the leaf of the root tree that tells where it is
        self.nodes, self.parents = {}, {}  # logical -> trees; (tree, logical) -> logical
        self.parts = []  # (disk, length of it, number, start in the file, length, offset in the extent, how)
        self.sizes, self.links, self.above, self.nosum = {}, {}, {}, set()
        self.folders, self.where, self.names_at = set(), {}, {}
        self.extents, chunks = [], []
        for one in items(image):
            if isinstance(one, tuple):
                self.nodes.setdefault(one[1], set()).add(one[0])
                self.parents[one[:2]] = one[2]
            elif one.kind == "CHUNK_ITEM":
                chunks.append(Chunk(one, self.devid))
            else:
                self.take(one)
        self.chunks = Ranges((o, c.len // c.shares, c, i) for c in chunks for i, o in c.mine)
        self.copies = {}
        for c in chunks:
            self.copies[c.start] = c
        self.by_logical = Ranges((c.start, c.len, c) for c in chunks)
        self.used = Ranges(self.extents)
        gone = {n for n in self.nodes if self.is_gone(n)}
        self.gone = {at for at in self.parents if self.is_below(at, gone)}
        self.gone |= {at for at in self.parents if (1, self.root_items.get(at[0])) in self.gone}
        self.index_parts()

    # --- what the trees say ---

    @staticmethod
    def number(tree, inode):
        return (0 if tree == 5 else tree) << INODE_BITS | inode

    def take(self, item):
        if item.tree == 2 and item.kind in ("EXTENT_ITEM", "METADATA_ITEM"):
            size = int(item.offset) if item.kind == "EXTENT_ITEM" else self.node_size
            self.extents.append((int(item.object), size))
        if item.tree == 1 and item.kind == "ROOT_ITEM":
            self.root_items[TREES.get(item.object) or as_int(item.object)] = item.leaf
        if item.tree == 1 and item.kind == "ROOT_BACKREF":
            found = re.search(r"dirid (\d+) sequence \d+ name (.*)", "\n".join(item.lines))
            parent = 5 if item.offset == "FS_TREE" else int(item.offset)
            self.above[int(item.object)] = (self.number(parent, int(found[1])), found[2])
        if item.tree == 1 and item.kind == "EXTENT_DATA":
            self.take_extent(item, None)
        if item.tree == 5 or item.tree >= 256:
            self.take_file(item)

    def take_file(self, item):
        inode = as_int(item.object)
        if inode < 256:
            return
        number = self.number(item.tree, inode)
        self.where.setdefault(number, []).append((item.kind, (item.tree, item.leaf)))
        if item.kind == "INODE_ITEM":
            self.sizes[number] = item.number(r" size (\d+)")
            if re.search(r"mode 4\d{4} ", "\n".join(item.lines)):
                self.folders.add(number)
            if any("NODATASUM" in line for line in item.lines):
                self.nosum.add(number)
        elif item.kind == "INODE_REF" and inode != 256:
            for line in item.lines:
                if found := re.search(r"index \d+ namelen \d+ name: (.*)", line):
                    self.links.setdefault(number, set()).add((self.number(item.tree, int(item.offset)), found[1]))
        elif item.kind == "INODE_EXTREF":
            for line in item.lines:
                if found := re.search(r"parent (\d+) namelen \d+ name: (.*)", line):
                    self.links.setdefault(number, set()).add((self.number(item.tree, int(found[1])), found[2]))
        elif item.kind in ("DIR_ITEM", "DIR_INDEX"):
            for line in item.lines:
                if found := re.search(r"location key \((\d+) INODE_ITEM", line):
                    self.names_at.setdefault(self.number(item.tree, int(found[1])), set()).add((item.tree, item.leaf))
        elif item.kind == "EXTENT_DATA":
            self.take_extent(item, number)

    def take_extent(self, item, number):
        text = "\n".join(item.lines)
        found = re.search(r"(?:extent data|prealloc data) disk byte (\d+) nr (\d+)", text)
        if not found or found[1] == "0":
            return
        disk, size = int(found[1]), int(found[2])
        offset, length = map(int, re.search(r"(?:extent|prealloc) data offset (\d+) nr (\d+)", text).groups())
        how = "empty" if "prealloc data" in text else \
            "plain" if re.search(r"compression 0|prealloc", text) else "packed"
        self.parts.append((disk, size, number, int(item.offset), length, offset, how))

    def index_parts(self):
        """Extents to the parts that refer to them."""
        self.refs, sizes = {}, {}
        for part in self.parts:
            self.refs.setdefault(part[0], []).append(part)
            sizes[part[0]] = part[1]
        self.data = Ranges(sizes.items())

    # --- places ---

    def logical(self, sector):
        """(chunk, logical) of a sector; (chunk, None) for parity; None outside of chunks."""
        found = self.chunks.at(sector * SECTOR)
        if not found:
            return None
        return found[2], found[2].logical(found[3], sector * SECTOR - found[0])

    def others(self, chunk, logical, sector):
        """The same bytes' other sectors on this disk."""
        if not chunk.plain:
            return []
        all_of_it = [(o + logical - chunk.start) // SECTOR for _, o in chunk.mine]
        return [s for s in all_of_it if s != sector]

    def is_gone(self, node):
        """Whether a sector of it is lost in all copies."""
        chunk = self.by_logical.at(node)[2]
        if not chunk.plain:
            return True
        places = [o + node - chunk.start for _, o in chunk.mine]
        return not places or any(all((p + i) // SECTOR in self.sectors for p in places)
                                 for i in range(0, self.node_size, SECTOR))

    def is_below(self, at, gone):
        """Whether the node, or one above it in its tree, is gone."""
        tree, node = at
        while node is not None and node not in gone:
            node = self.parents[tree, node]
        return node is not None

    def lost_extents(self):
        """Whether the extent tree is lost in part."""
        return any(tree == 2 for tree, _ in self.gone)

    def node_at(self, logical):
        last = logical // 4096 * 4096
        return next((n for n in range(last, last - self.node_size, -4096) if n in self.nodes), None)

    # --- owners ---

    def refs_to(self, logical):
        """Parts of files that lose something with this byte: (number, start, end, slack)."""
        found = self.data.at(logical)
        if not found:
            return None
        hit = []
        for disk, _, number, start, length, offset, how in self.refs[found[0]]:
            at = logical - disk
            if number is None:
                hit.append((None, 0, 0, True))
            elif how == "packed":
                hit.append((number, start, start + length, False))
            elif offset <= at < offset + length:
                first = start + at - offset
                hit.append((number, first, first + SECTOR, how == "empty"))
        return hit

    def path(self, number, seen=()):
        if number == 256:
            return {"/"}
        if number & ((1 << INODE_BITS) - 1) == 256:
            links = {self.above[number >> INODE_BITS]} if number >> INODE_BITS in self.above else set()
        else:
            links = self.links.get(number, set())
        return {p.rstrip("/") + "/" + name for parent, name in links if parent not in seen
                for p in self.path(parent, seen + (number,))}

    def paths(self, numbers):
        return {n: self.path(n) for n in numbers}

    # --- a report ---

    def hidden(self):
        """Files whose items are lost with their node: (inodes, lists of extents)."""
        records, maps = set(), set()
        for number, found in self.where.items():
            for kind, leaf in found:
                if leaf in self.gone:
                    (records if kind == "INODE_ITEM" else maps).add(number)
        return records, maps

    def check(self, said, fail):
        """All sectors, and all ranges of files, against a report; what was counted."""
        records, maps = self.hidden()
        count = dict.fromkeys(["files", "metadata", "free", "unknown", "copies", "unused", "hidden"], 0)
        want = {}
        for s in sorted(self.sectors):
            self.check_sector(s, said, records | maps, want, count, fail)
        self.check_ranges(said, want, records | maps, fail)
        self.check_hidden(said, records, maps, fail)
        count["hidden"] = len(records | maps)
        return count

    def check_sector(self, s, said, hidden, want, count, fail):
        ours = {n for n, kinds in said.files.get(s, {}).items() if kinds & {"content", "slack"}}
        area, what = said.area.get(s, (None, None))
        place = self.logical(s)
        if not ours and not said.files.get(s) and not area:
            fail(f"sector {s} is in nothing")
        count["files" if s in said.files else area] += 1
        if place is None or place[1] is None:
            self.check_outside(s, place, area, what, fail)
            return
        chunk, logical = place
        node = self.node_at(logical) if "DATA" not in chunk.kind or "METADATA" in chunk.kind else None
        refs = self.refs_to(logical)
        if node is not None and refs is None:
            below = all((tree, node) in self.gone for tree in self.nodes[node]) and self.lost_extents()
            if ours or area not in ((None, "metadata", "unknown") if below else (None, "metadata")):
                fail(f"sector {s} is the node {node}, by the report {ours or area}")
            return
        others = self.others(chunk, logical, s)
        whole = any(o not in self.sectors for o in others)
        second = bool(others) and not whole and s > min(others)
        expected = set()
        for number, start, end, slack in refs or ():
            if number is None or second or (whole and number not in self.nosum):
                count["copies"] += number is not None
                continue
            expected.add(number)
            if not slack:
                want.setdefault(number, []).append((start, end))
        if ours - expected or (expected - ours) - hidden:
            fail(f"sector {s} is {expected} by the dump, {ours} by the report")
        if expected or refs and any(r[0] is None for r in refs):
            return
        self.check_unowned(s, logical, refs, area, what, count, hidden, said, fail)

    def check_outside(self, s, place, area, what, fail):
        at = s * SECTOR
        own = at < MIB or any(x <= at < x + 4096 for x in SUPERS)
        if area != ("metadata" if own or place else "free") and at < self.dev_size:
            fail(f"sector {s} is outside of all chunks, by the report {area} ({what})")

    def check_unowned(self, s, logical, refs, area, what, count, hidden, said, fail):
        """Free, a copy, a part of an extent that no file has; unknown where trees are lost."""
        at = s * SECTOR
        if any(x <= at < x + 4096 for x in SUPERS) or at < MIB:
            if area != "metadata":
                fail(f"sector {s} is a superblock, by the report {area}")
            return
        if area == "metadata":
            if not refs:
                fail(f"sector {s} is nobody's, by the report {what}")
            return
        used = self.used.at(logical) is not None
        count["unused"] += used
        if area == "unknown" and not (self.lost_extents() or (used and self.gone)):
            fail(f"sector {s} is free, but the report cannot tell")
        if area == "free" and used and hidden:
            fail(f"sector {s} is in use, and files are not known: it cannot be free")

    def check_ranges(self, said, want, hidden, fail):
        """What of its content each file has lost, byte by byte."""
        lost = {}
        for f in said.v["files"]:
            for loss in f["losses"]:
                if loss["kind"] == "content" and loss["len"]:
                    lost.setdefault(f["id"], []).append((loss["start"], loss["start"] + loss["len"]))
        for number in set(want) | set(lost):
            if number in hidden:
                continue
            size = self.sizes.get(number, 0)
            right = joined((a, min(b, size)) for a, b in want.get(number, ()) if a < size)
            if joined(lost.get(number, ())) != right:
                fail(f"file {number} has lost {right} by the dump, {joined(lost.get(number, ()))} by the report")

    def check_hidden(self, said, records, maps, fail):
        """Inodes that are lost are told if a folder that can be read names them; no others are."""
        told = {f["id"]: said.kinds[f["id"]] for f in said.v["files"]}
        for number in records:
            if self.names_at.get(number, set()) - self.gone and "record" not in told.get(number, ()):
                fail(f"the inode of {number} ({self.path(number)}) is lost, but not told")
        for number, kinds in told.items():
            if "record" in kinds and number not in records:
                fail(f"the inode of {number} is not lost")
            if kinds & {"map", "entries", "attributes"} and number not in maps | records:
                fail(f"nothing of {number} was in a lost node: {kinds}")
        for number in maps - records:
            gone = {kind for kind, leaf in self.where[number] if leaf in self.gone}
            if gone & {"EXTENT_DATA", "DIR_INDEX"} and self.sizes.get(number) and \
                    not told.get(number, set()) & {"map", "entries", "record"}:
                fail(f"{gone} of {number} are lost, but not told: {told.get(number)}")
        if (records or maps) and not said.v["caution"] and records:
            fail("inodes are lost, but the report has no word on it")


def hot_places(image):
    """Of trees of files and of content: the sectors of each copy, as tuples; and those of the chunk tree, without which
    nothing can be told."""
    theirs = Btrfs(image, ())

    def places(logical):
        chunk = theirs.by_logical.at(logical)[2]
        return tuple((o + logical - chunk.start) // SECTOR for _, o in chunk.mine) if chunk.plain else ()

    starts = [n for n, trees in theirs.nodes.items() if trees & {5} or max(trees) >= 256]
    starts += {p[0] for p in theirs.parts}
    kept = {s + i for n, trees in theirs.nodes.items() if 3 in trees
            for s in places(n) for i in range(theirs.node_size // SECTOR)}
    return [p for p in map(places, sorted(starts)) if p], kept


def joined(ranges):
    out = []
    for a, b in sorted(ranges):
        if a >= b:
            continue
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


def longest_unused(image):
    theirs, best = Btrfs(image, ()), (0, 0)
    for disk, size in theirs.data.v:
        chunk, pos = theirs.by_logical.at(disk)[2], disk
        parts = sorted((disk + p[5], disk + p[5] + p[4]) for p in theirs.refs[disk] if p[6] != "packed")
        for first, end in parts + [(disk + size, 0)] * bool(parts):
            best = max(best, (first - pos, chunk.mine[0][1] + pos - chunk.start))
            pos = max(pos, end)
    return best[::-1]


if __name__ == "__main__":
    print(*longest_unused(sys.argv[1]))
