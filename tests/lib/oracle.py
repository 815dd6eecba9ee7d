#!/usr/bin/env python3
# oracle.py - an independent opinion for the round trip tests: free space by other tools, bytes compared
# SPDX-License-Identifier: GPL-3.0-or-later
"""
oracle.py poison FILE BYTES              a file full of 0xA5
oracle.py sha FILE|DEVICE                SHA-256
oracle.py free KIND VOLUME               free ranges of a volume, "START LENGTH" lines
oracle.py used SIZE PARTS                ranges a save must read. PARTS: lines "START SIZE FREEFILE"
oracle.py compare SOURCE TARGET USED     TARGET = SOURCE where used, 0xA5 elsewhere
oracle.py zeros SOURCE RAW USED          RAW = SOURCE where used, 0 elsewhere
oracle.py flip FILE OFFSET               one bit of the byte there
oracle.py find FILE MARKERFILE           offset of the marker, which must stand there once
oracle.py zerorun FILE FROM LIKE         number of bytes from FROM that are 0, up to where LIKE agrees again
Free space comes from dumpe2fs, ntfscat $Bitmap, sleuthkit's blkls, xfs_db, btrfs' dump-tree, dump.f2fs and the size of a swap
page, never from salvor.
"""
import hashlib
import mmap
import os
import re
import subprocess
import sys
import tempfile

MIB = 1 << 20
STEP = 4 * MIB


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def size_of(path):
    with open(path, "rb") as f:
        return f.seek(0, os.SEEK_END)


def merge(ranges):
    """sorted, overlapping and touching ranges joined; ranges are (start, end)"""
    out = []
    for start, end in sorted(ranges):
        if start >= end:
            continue
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return out


def invert(ranges, size):
    out, at = [], 0
    for start, end in merge(ranges):
        if start > at:
            out.append([at, start])
        at = end
    if at < size:
        out.append([at, size])
    return out


def read_ranges(path):
    with open(path) as f:
        return [(int(a), int(a) + int(b)) for a, b in (line.split() for line in f)]


def print_ranges(ranges):
    for start, end in ranges:
        print(start, end - start)


# --- free space, each by the filesystem's own tools ---


def free_ext(volume):
    text = run("dumpe2fs", volume).decode("utf-8", "replace")
    block = int(re.search(r"^Block size:\s+(\d+)", text, re.M).group(1))
    # where blocks are given out in clusters, a range ends with the first block of its last one
    cluster = re.search(r"^Cluster size:\s+(\d+)", text, re.M)
    unit = int(cluster.group(1)) if cluster else block
    for line in re.findall(r"^  Free blocks: (.+)$", text, re.M):
        for item in filter(None, line.split(", ")):
            first, _, last = item.partition("-")
            yield int(first) * block, int(last or first) * block + unit


def free_ntfs(volume):
    bitmap = run("ntfscat", "-f", volume, "$Bitmap")
    info = run("ntfsinfo", "-f", "-m", volume).decode()
    cluster = int(re.search(r"Cluster Size: (\d+)", info).group(1))
    count = int(re.search(r"Volume Size in Clusters: (\d+)", info).group(1))
    for n in range(count):
        if not bitmap[n >> 3] >> (n & 7) & 1:
            yield n * cluster, (n + 1) * cluster


def free_fat(volume):
    unit = int(re.search(r"Sector Size: (\d+)", run("fsstat", volume).decode()).group(1))
    for line in run("blkls", "-e", "-l", volume).decode().splitlines():
        addr, _, state = line.partition("|")
        if state == "f":
            yield int(addr) * unit, (int(addr) + 1) * unit


def xfs_db(volume, *commands):
    return run("xfs_db", "-r", "-f", *(x for c in commands for x in ("-c", c)), volume).decode()


def xfs_kept(volume, ag):
    """blocks of the AG's list for its trees: what xfs_db calls free as well, but nobody may use"""
    text = xfs_db(volume, f"agf {ag}", "p flfirst flcount", f"agfl {ag}", "p bno")
    first, count = (int(re.search(rf"{name} = (\d+)", text).group(1)) for name in ("flfirst", "flcount"))
    slots = {int(i): block for i, block in re.findall(r"(\d+):(\d+|null)", text)}
    return {int(slots[i % len(slots)]) for i in range(first, first + count)}


def free_xfs(volume):
    text = xfs_db(volume, "sb 0", "p blocksize agblocks agcount")
    block, per_ag, ags = (int(n) for n in re.findall(r"= (\d+)", text))
    kept = [xfs_kept(volume, ag) for ag in range(ags)]
    for line in xfs_db(volume, "freesp -d").splitlines():
        if not re.fullmatch(r"\s*\d+\s+\d+\s+\d+", line):
            continue
        ag, start, count = (int(n) for n in line.split())
        for b in ([start] if count == 1 else range(start, start + count)):
            if b not in kept[ag]:
                yield (ag * per_ag + b) * block, (ag * per_ag + b + 1) * block


def free_exfat(volume):
    with open(volume, "rb") as f:
        unit = 1 << f.read(512)[108]
    for line in run("blkls", "-e", "-l", "-f", "exfat", volume).decode().splitlines():
        addr, _, state = line.partition("|")
        if state == "f":
            yield int(addr) * unit, (int(addr) + 1) * unit


def free_f2fs(volume):
    with open(volume, "rb") as f:
        f.seek(1024)
        main = int.from_bytes(f.read(96)[92:], "little")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dump.f2fs", "-s", "0~-1", os.path.realpath(volume)], check=True, cwd=folder,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, "dump_sit")) as f:
            segments = f.read().partition("valid_blocks:")[0].split("segno:")[1:]
    for text in segments:
        number, _, rest = text.partition("\t")
        valid = bytes.fromhex("".join(rest.partition("\n")[2].split()))
        start = main + 512 * int(number)
        if not valid:
            yield start * 4096, (start + 512) * 4096
            continue
        for n in range(512):
            if not valid[n >> 3] >> (7 - (n & 7)) & 1:
                yield (start + n) * 4096, (start + n + 1) * 4096


def free_hfsplus(volume):
    unit = int(re.search(r"Allocation Block Size: (\d+)", run("fsstat", "-f", "hfs", volume).decode()).group(1))
    for line in run("blkls", "-e", "-l", "-f", "hfs", volume).decode().splitlines():
        addr, _, state = line.partition("|")
        if state == "f":
            yield int(addr) * unit, (int(addr) + 1) * unit


def free_apfs(volume):
    text = run("pstat", volume).decode()
    unit = int(re.search(r"Block Size: +(\d+)", text).group(1))
    for first, last in re.findall(r"^\|   0x([0-9a-f]+)-0x([0-9a-f]+)$", text, re.M):
        yield int(first, 16) * unit, (int(last, 16) + 1) * unit


def free_swap(volume):
    yield 4096, size_of(volume)


def btrfs_tree(volume, tree):
    return run("btrfs", "inspect-internal", "dump-tree", "-t", tree, volume).decode()


def btrfs_number(text, name):
    return int(re.search(rf"^{name}\s+(\d+)", text, re.M).group(1))


def btrfs_chunks(volume):
    """(logical, length, type, places of the copies); only profiles that keep all of a chunk in one piece"""
    for item in re.split(r"\n\titem ", btrfs_tree(volume, "chunk"))[1:]:
        key = re.search(r"CHUNK_ITEM (\d+)\)", item)
        if key:
            length, kind = re.search(r"length (\d+) .* type (\S+)", item).groups()
            places = re.findall(r"stripe \d+ devid \d+ offset (\d+)", item)
            yield int(key.group(1)), int(length), kind, [int(place) for place in places]


def used_btrfs(volume):
    node = btrfs_number(run("btrfs", "inspect-internal", "dump-super", volume).decode(), "nodesize")
    chunks = list(btrfs_chunks(volume))
    extents = [(int(start), node if kind == "METADATA" else int(length)) for start, kind, length in
               re.findall(r"key \((\d+) (EXTENT|METADATA)_ITEM (\d+)\)", btrfs_tree(volume, "extent"))]
    extents += [(start, length) for start, length, kind, _ in chunks if "SYSTEM" in kind]
    for start, length in extents:
        logical, places = next((c[0], c[3]) for c in chunks if c[0] <= start < c[0] + c[1])
        for place in places:
            yield place + start - logical, place + start - logical + length
    for mirror in (64 << 10, 64 << 20, 256 << 30):
        yield mirror, mirror + 4096


def free_btrfs(volume):
    total = btrfs_number(run("btrfs", "inspect-internal", "dump-super", volume).decode(), r"dev_item\.total_bytes")
    return invert([r for r in used_btrfs(volume) if r[0] < total], total)


def free(kind, volume):
    by_kind = {"ext": free_ext, "ntf": free_ntfs, "fat": free_fat, "swa": free_swap,
               "xfs": free_xfs, "exf": free_exfat, "btr": free_btrfs, "f2f": free_f2fs, "hfs": free_hfsplus, "apf": free_apfs}
    return merge(by_kind[kind[:3]](volume))


def used(size, parts):
    """everything but the free ranges inside partitions; the first and last MiB of each are always read"""
    gone = []
    with open(parts) as f:
        for line in f:
            start, length, name = line.split()
            start, length = int(start), int(length)
            low, high = start + MIB, min(start + length - MIB, size - MIB)
            for a, b in read_ranges(name):
                gone.append((max(start + a, low), min(start + b, high)))
    return invert(gone, size)


# --- bytes ---


def poison(path, size):
    with open(path, "wb") as f:
        for at in range(0, size, STEP):
            f.write(b"\xa5" * min(STEP, size - at))


def sha(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def compare(source, target, used_ranges, filler):
    size = size_of(source)
    pieces = [(a, b, True) for a, b in used_ranges] + [(a, b, False) for a, b in invert(used_ranges, size)]
    with open(source, "rb") as s, open(target, "rb") as t:
        for start, end, same in sorted(pieces):
            for at in range(start, end, STEP):
                n = min(STEP, end - at)
                t.seek(at)
                got = t.read(n)
                if same:
                    s.seek(at)
                want = s.read(n) if same else filler * n
                if got == want:
                    continue
                i = next((i for i, (x, y) in enumerate(zip(got, want)) if x != y), min(len(got), n))
                sys.exit(f"byte {at + i} of {target} is {got[i:i + 1].hex() or 'missing'} instead of "
                         f"{want[i:i + 1].hex()} ({'used' if same else 'free'} range {start} to {end})")


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 16]))


def find(path, marker_path):
    with open(path, "rb") as f, open(marker_path, "rb") as m:
        marker = m.read()
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(marker)
            if at < 0 or data.find(marker, at + 1) >= 0:
                sys.exit(f"the marker does not stand once in {path}")
            return at


def zero_run(path, start, like):
    with open(path, "rb") as f, open(like, "rb") as g:
        f.seek(start)
        g.seek(start)
        got, want = f.read(MIB), g.read(MIB)
    n = 0
    while n < len(got) and got[n:n + 512] == bytes(512) and got[n:n + 512] != want[n:n + 512]:
        n += 512
    return n


def main(verb, *args):
    if verb == "poison":
        poison(args[0], int(args[1]))
    elif verb == "sha":
        print(sha(args[0]))
    elif verb == "free":
        print_ranges(free(args[0], args[1]))
    elif verb == "used":
        print_ranges(used(int(args[0]), args[1]))
    elif verb == "compare":
        compare(args[0], args[1], read_ranges(args[2]), b"\xa5")
    elif verb == "zeros":
        compare(args[0], args[1], read_ranges(args[2]), b"\0")
    elif verb == "flip":
        flip(args[0], int(args[1]))
    elif verb == "find":
        print(find(args[0], args[1]))
    elif verb == "zerorun":
        print(zero_run(args[0], int(args[1]), args[2]))
    else:
        sys.exit(__doc__)


main(*sys.argv[1:])
