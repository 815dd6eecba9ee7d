#!/usr/bin/env python3
# read-image.py - a second reader of images, written from docs/image-format.md alone
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: read-image.py IMAGE; prints what every kind of run sums up to, fails at the first thing that is not as specified"""
import glob
import hashlib
import json
import os
import struct
import sys

KINDS = {1: "data", 2: "zero", 3: "free", 4: "bad", 5: "absent", 6: "read"}
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def records(index):
    at = 0
    while at < len(index):
        kind, length, crc, head_crc = struct.unpack_from("<4sIII", index, at)
        assert head_crc == crc32c(index[at:at + 12]), f"record header at {at}"
        payload = index[at + 16:at + 16 + length]
        assert len(payload) == length and crc == crc32c(payload), f"record at {at}"
        yield at, kind, payload
        at += 16 + length


def runs(words, position):
    for (word,) in struct.iter_unpack("<Q", words):
        assert word >> 3 and word & 7 in KINDS
        yield position, word >> 3, word & 7
        position += word >> 3


def run_list(run_map, payload):
    start, n, _ = struct.unpack_from("<QII", payload)
    assert start == (run_map[-1][0] + run_map[-1][1] if run_map else 0) and len(payload) == 16 + 8 * n
    run_map.extend(runs(payload[16:], start))


def merge(parts):
    out = []
    for start, length, kind in parts:
        if out and out[-1][2] == kind:
            out[-1] = (out[-1][0], out[-1][1] + length, kind)
        else:
            out.append((start, length, kind))
    return out


def read_frame(payload, head):
    number, offset, stored, plain, checksum, n_runs, n_digests, _ = struct.unpack_from("<QQIIIIII", payload)
    parts = list(runs(payload[40:40 + 8 * n_runs], number * head["frame_size"]))
    granules = {g for start, length, kind in parts if kind in (1, 4)
                for g in range(start // 65536, (start + length - 1) // 65536 + 1)}
    assert len(granules) == n_digests and len(payload) == 40 + 8 * n_runs + 16 * n_digests
    end = min((number + 1) * head["frame_size"], head["size"])
    assert sum(length for _, length, _ in parts) == end - number * head["frame_size"]
    return {"number": number, "offset": offset, "stored": stored, "plain": plain, "sum": checksum,
            "raw": end - number * head["frame_size"]}, parts


def read_index(index):
    image = {"plan": [], "merged": [], "frames": [], "outcome": [], "table": []}
    for at, kind, payload in records(index):
        if kind == b"SVIX":
            assert at == 0
            version, sector, uuid, seed, size, frame, granule, codec = struct.unpack_from("<II16sQQII16s", payload)
            assert version == 1 and granule == 65536 and len(payload) == 128
            image["head"] = {"sector_size": sector, "uuid": uuid.hex(), "seed": seed, "size": size,
                             "frame_size": frame, "codec": codec.rstrip(b"\0").decode()}
        elif kind == b"SVID":
            image["identity"] = json.loads(payload)
        elif kind in (b"SVPL", b"SVRN"):
            run_list(image["plan" if kind == b"SVPL" else "merged"], payload)
        elif kind == b"SVFR":
            frame, parts = read_frame(payload, image["head"])
            assert frame["number"] == len(image["frames"])
            image["frames"].append(frame)
            image["outcome"] += parts
        elif kind == b"SVTB":
            first, offset, n, _ = struct.unpack_from("<QQII", payload)
            assert first == len(image["table"]) and offset == image["frames"][first]["offset"]
            image["table"] += struct.iter_unpack("<III", payload[24:24 + 12 * n])
        elif kind == b"SVND":
            image["foot"] = struct.unpack_from("<QQQQQ5QI", payload)
    return image


def check_seek_table(stream, image):
    n, descriptor, magic = struct.unpack_from("<IBI", stream, len(stream) - 9)
    assert magic == 0x8F92EAB1 and descriptor == 0x80
    start = len(stream) - 9 - 12 * n
    assert struct.unpack_from("<II", stream, start - 8) == (0x184D2A5E, 12 * n + 9)
    entries = list(struct.iter_unpack("<III", stream[start:-9]))
    assert [e for e in entries if e[1]] == image["table"]
    assert all(e[2] == 0x51D8E999 for e in entries if not e[1])
    assert sum(e[0] for e in entries) == start - 8
    for at in (0, start - 8 - entries[-1][0]):
        magic, length = struct.unpack_from("<II", stream, at)
        manifest = json.loads(stream[at + 8:at + 8 + length])
        assert magic == 0x184D2A50 and manifest["set_uuid"].replace("-", "") == image["head"]["uuid"]


def main(folder):
    names = sorted(glob.glob(folder + "/disk.img*"))
    stream = b"".join(open(name, "rb").read() for name in names)
    image = read_index(open(folder + "/disk.idx", "rb").read())
    manifest = json.load(open(folder + "/manifest.json"))
    head, frames, foot = image["head"], image["frames"], image["foot"]
    assert merge(image["outcome"]) == image["merged"] and foot[4] == len(image["merged"])
    assert image["table"] == [(f["plain"], f["raw"], f["sum"]) for f in frames]
    assert len(frames) == foot[0] and len(stream) == foot[1] == manifest["bytes"]["stored"]
    assert merge([(s, n, 6 if k in (1, 2, 4) else k) for s, n, k in image["outcome"]]) == merge(image["plan"])
    sums = [sum(n for _, n, k in image["merged"] if k == kind) for kind in range(1, 6)]
    assert tuple(sums) == foot[5:10] and [manifest["bytes"][KINDS[k]] for k in range(1, 6)] == sums
    last = frames[-1]["offset"] + frames[-1]["stored"]
    assert foot[10] == crc32c(stream[:frames[0]["offset"]] + stream[last:]), "the ends of the stream"
    for one, two in zip(frames, frames[1:]):
        assert one["offset"] + one["stored"] == two["offset"]
    for name in ("set_uuid", "digest_seed", "source", "stream"):
        assert manifest[name] == image["identity"][name], name
    assert manifest["set_uuid"].replace("-", "") == head["uuid"] and int(manifest["digest_seed"], 16) == head["seed"]
    if head["codec"] == "zstd":
        check_seek_table(stream, image)
    lines = [f"{f['sha256']}  {f['name']}\n" for f in manifest["files"]]
    digest = hashlib.sha256(open(folder + "/manifest.json", "rb").read()).hexdigest()
    assert open(folder + "/SHA256SUMS").read() == "".join(lines) + f"{digest}  manifest.json\n"
    for f in manifest["files"]:
        data = open(os.path.join(folder, f["name"]), "rb").read()
        assert len(data) == f["size"] and hashlib.sha256(data).hexdigest() == f["sha256"], f["name"]
    print(*(f"{KINDS[k + 1]} {n}" for k, n in enumerate(sums)))


main(sys.argv[1])
