#!/usr/bin/env python3
# slim_ntfs.py - make a small NTFS image small enough for a seed, and turn what tools do not make
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: slim_ntfs.py IMAGE clean|unclean|emptied|pieces|shadows|logged-1|logged-2

Throws the content of $UpCase, $AttrDef and $LogFile away. The log becomes two restart pages (clean or
unclean) or is shortened and empty. "pieces": $Bitmap lies over an attribute list and an extension
record. "shadows": two shadow copies have their records in the log. "logged-N": the log, of version N, holds records of all the kinds that name clusters."""
import importlib.machinery
import os
import struct
import sys

DATA, LIST, END = 0x80, 0x20, 0xFFFFFFFF
EXTENSION = 20  # formatted and reserved


class Image:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            self.b = bytearray(f.read())
        sector, spc = struct.unpack_from("<HB", self.b, 11)
        self.cluster = sector * spc
        self.mft = struct.unpack_from("<Q", self.b, 48)[0] * self.cluster
        raw = self.b[64]
        self.record = raw * self.cluster if raw < 128 else 1 << (256 - raw)

    def fix(self, at, size, undo):
        array = at + struct.unpack_from("<H", self.b, at + 4)[0]
        for i in range(1, size // 512 + 1):
            end, keep = at + i * 512 - 2, array + i * 2
            if undo:
                self.b[end:end + 2] = self.b[keep:keep + 2]
            else:
                self.b[keep:keep + 2] = self.b[end:end + 2]
                self.b[end:end + 2] = self.b[array:array + 2]

    def edit(self, number, change):
        at = self.mft + number * self.record
        self.fix(at, self.record, True)
        rec = change(bytes(self.b[at:at + self.record]))
        self.b[at:at + self.record] = rec.ljust(self.record, b"\0")
        self.fix(at, self.record, False)

    def extent(self, number):
        """first byte and length of the first run of the unnamed data"""
        found = []

        def look(rec):
            attr = data_of(attributes(rec))
            p = struct.unpack_from("<H", attr, 32)[0]
            n, m = attr[p] & 15, attr[p] >> 4
            length = int.from_bytes(attr[p + 1:p + 1 + n], "little")
            lcn = int.from_bytes(attr[p + 1 + n:p + 1 + n + m], "little")
            found.append((lcn * self.cluster, length * self.cluster))
            return rec

        self.edit(number, look)
        return found[0]


def attributes(rec):
    pos = struct.unpack_from("<H", rec, 20)[0]
    while struct.unpack_from("<I", rec, pos)[0] != END:
        kind, size = struct.unpack_from("<II", rec, pos)
        yield kind, rec[pos:pos + size]
        pos += size


def data_of(attrs):
    """the unnamed data"""
    return next(a for k, a in attrs if k == DATA and a[9] == 0)


def rebuild(rec, attrs, in_use=1, base=0):
    body = rec[:struct.unpack_from("<H", rec, 20)[0]] + b"".join(attrs) + struct.pack("<II", END, 0)
    out = bytearray(body)
    struct.pack_into("<H", out, 22, in_use)
    struct.pack_into("<I", out, 24, len(body))
    struct.pack_into("<Q", out, 32, base)
    return bytes(out)


def reference(rec, number):
    return number | struct.unpack_from("<H", rec, 16)[0] << 48


def non_resident(old, lowest, lcn, count):
    head = bytearray(old[:64])
    struct.pack_into("<QQ", head, 16, lowest, lowest + count - 1)
    runs = struct.pack("<BBIB", 0x41, count, lcn, 0)
    struct.pack_into("<I", head, 4, 64 + len(runs) + 1)
    struct.pack_into("<BH", head, 9, 0, 64)
    struct.pack_into("<H", head, 32, 64)
    return bytes(head) + runs + b"\0"


def split_bitmap(img):
    place, size = img.extent(6)
    lcn, count = place // img.cluster, size // img.cluster
    seq = struct.unpack_from("<H", img.b, img.mft + EXTENSION * img.record + 16)[0]
    piece = []

    def base(rec):
        attrs = list(attributes(rec))
        old = data_of(attrs)
        entries = [(k, 0, reference(rec, 6)) for k, a in attrs]
        entries.append((DATA, 1, EXTENSION | seq << 48))
        text = b"".join(struct.pack("<IHBBQQ8x", k, 32, 0, 26, v, r) for k, v, r in entries)
        table = struct.pack("<IIBBHHHIHH", LIST, 24 + len(text), 0, 0, 0, 0, 30, len(text), 24, 0) + text
        piece.append((non_resident(old, 1, lcn + 1, count - 1), reference(rec, 6)))
        kept = [a for k, a in attrs if k != DATA]
        return rebuild(rec, kept[:1] + [table] + kept[1:] + [non_resident(old, 0, lcn, 1)])

    img.edit(6, base)
    img.edit(EXTENSION, lambda rec: rebuild(rec, [piece[0][0]], 1, piece[0][1]))


def restart_page(clean):
    page = bytearray(4096)
    page[:4] = b"RSTR"
    struct.pack_into("<HH", page, 4, 0x1E, 9)
    struct.pack_into("<IIHHH", page, 0x10, 4096, 4096, 0x30, 1, 1)
    struct.pack_into("<QHHHH", page, 0x30, 77, 1, 0xFFFF, 0, 2 if clean else 0)
    return bytes(page)


def log_maker():
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../lib/ntfs-log.py")
    return importlib.machinery.SourceFileLoader("ntfs_log", path).load_module()


def fill_log(img, major):
    made = log_maker()
    place, size = img.extent(2)
    log = made.Log(bytes(size), major)
    log.begin(0)
    attr = bytearray(0x50)
    struct.pack_into("<IIB", attr, 0, DATA, len(attr), 1)
    struct.pack_into("<QQH", attr, 16, 0, 3, 64)
    attr[64:70] = struct.pack("<BBI", 0x41, 4, 0x150)
    head = b"FILE" + struct.pack("<HHQHHHHII8x", 0x30, 3, 0, 1, 1, 0x38, 1, 0x38 + len(attr) + 8, 1024).ljust(0x34, b"\0")
    bits, lcn = struct.pack("<II", 0x140, 9), img.extent(6)[0] // img.cluster
    log.append(2, bytes(64))
    log.open(made.MFT, 0, 1)
    log.change(made.SET_BITS, made.CLEAR_BITS, made.BITMAP, 0, 0, [lcn], bits, bits)
    log.change(made.INIT_RECORD, 0, made.MFT, 20, 2, [9], head + bytes(attr) + struct.pack("<II", END, 0))
    log.change(5, 6, made.MFT, 20, 2, [9], bytes(attr))
    log.change(6, 5, made.MFT, 20, 2, [9], b"", bytes(attr))
    log.change(4, 4, made.MFT, 20, 2, [9], bytes(attr), bytes(attr))
    log.change(9, 9, made.MFT, 20, 2, [9], bytes(attr[64:]), bytes(attr[64:]))
    log.append(1, struct.pack("<HHHHHHHH", 7, 7, 40, 8, 40, 8, 24, 0).ljust(3500, b"\0"))
    log.change(made.FORGET, 1, 0, 0, 0, [])
    log.end()
    img.b[place:place + size] = bytes(size)
    for at in range(0, log.size, made.PAGE):
        if log.b[at:at + 4] in (b"RSTR", b"RCRD"):
            img.b[place + at:place + at + made.PAGE] = log.b[at:at + made.PAGE]


def shadow_block(img, kind, at, following, data):
    head = bytes.fromhex("6b87083876c1484eb7ae04046e6cc752") + struct.pack("<IIQQQ", 1, kind, 0, at, following)
    img.b[at:at + 128 + len(data)] = head.ljust(128, b"\0") + data


def add_shadows(img):
    """the bitmaps: as many bits as the volume has blocks, and some more"""
    first = img.extent(2)[0] + 0x4000
    blocks = [first + i * 0x4000 for i in range(5)]
    size = len(img.b) // 0x4000 // 8 + 8
    entries = b"".join(
        struct.pack("<QQ", 2, len(img.b)) + who * 16 + bytes(96) +
        struct.pack("<QQ16sQQQQQQ", 3, 0, who * 16, 0, 0, bits, 0, 0, previous).ljust(128, b"\0")
        for who, bits, previous in ((b"a", blocks[2], 0), (b"b", blocks[3], blocks[4])))
    shadow_block(img, 1, 0x1E00, 0, b"")
    struct.pack_into("<Q", img.b, 0x1E00 + 48, blocks[0])
    shadow_block(img, 2, blocks[0], blocks[1], entries)
    shadow_block(img, 2, blocks[1], 0, b"")
    for at, byte in zip(blocks[2:], b"\xf7\xfe\xff"):
        shadow_block(img, 6, at, 0, bytes([byte]) * size)


def empty_log(img):
    """all ones, and one cluster long"""
    place, _ = img.extent(2)
    length = max(img.cluster, 1024)
    img.b[place:place + length] = b"\xff" * length

    def shorten(rec):
        attrs = list(attributes(rec))
        old = bytearray(data_of(attrs))
        struct.pack_into("<QQQ", old, 40, length, length, length)
        new = non_resident(old, 0, place // img.cluster, length // img.cluster)
        return rebuild(rec, [new if k == DATA else a for k, a in attrs])

    img.edit(2, shorten)


def main():
    path, kind = sys.argv[1:]
    img = Image(path)
    for number in (2, 4, 10):
        place, size = img.extent(number)
        img.b[place:place + size] = bytes(size)
    if kind == "emptied":
        empty_log(img)
    elif kind.startswith("logged"):
        fill_log(img, int(kind[-1]))
    else:
        place, _ = img.extent(2)
        for at in (place, place + 4096):
            img.b[at:at + 4096] = restart_page(kind != "unclean")
            img.fix(at, 4096, False)
    if kind == "pieces":
        split_bitmap(img)
    if kind == "shadows":
        add_shadows(img)
    with open(path, "wb") as f:
        f.write(img.b)


main()
