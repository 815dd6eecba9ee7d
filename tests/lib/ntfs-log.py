#!/usr/bin/env python3
# ntfs-log.py - an NTFS as a crash leaves it, made of two states of it, and the replay of its log
# SPDX-License-Identifier: GPL-3.0-or-later
"""usage: ntfs-log.py crash BEFORE AFTER DIRTY logged-1|logged-2|lazy
       ntfs-log.py replay IMAGE
       ntfs-log.py reopen IMAGE

crash: DIRTY has the content of AFTER, but $Bitmap is that of BEFORE. "logged-N": so are the MFT records of
files, and $LogFile, of version N, holds what makes the one of the other, as a Windows would have written it.
"lazy": the records were written, the log is empty and the volume is marked dirty, as drivers without a log
leave it. replay: what the log says is done, and the log emptied. reopen: a log that was closed becomes one
that was in use, and the volume is marked dirty.

Structures: kernel fs/ntfs3/fslog.c and ntfs.h."""
import struct
import sys

PAGE, DATA, HEAD = 4096, 0x40, 0x30
INIT_RECORD, SET_BITS, CLEAR_BITS, FORGET, OPEN = 2, 0x15, 0x16, 0x1B, 0x1C
MFT, BITMAP = 0x18, 0x40  # in the table of open attributes
ROUND = 9


def u16(b, at):
    return struct.unpack_from("<H", b, at)[0]


def u32(b, at):
    return struct.unpack_from("<I", b, at)[0]


def u64(b, at):
    return struct.unpack_from("<Q", b, at)[0]


def fix(b, at, size, undo):
    """undo or redo the fixups of a structure"""
    array = at + u16(b, at + 4)
    for i in range(1, size // 512 + 1):
        end, keep = at + i * 512 - 2, array + i * 2
        if undo:
            assert b[end:end + 2] == b[array:array + 2], "torn"
            b[end:end + 2] = b[keep:keep + 2]
        else:
            b[keep:keep + 2] = b[end:end + 2]
            b[end:end + 2] = b[array:array + 2]


class Volume:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.b = bytearray(f.read())
        self.cluster = u16(self.b, 11) * self.b[13]
        raw = self.b[64]
        self.size = raw * self.cluster if raw < 128 else 1 << (256 - raw)
        self.mft = [(0, u64(self.b, 48), 1)]
        self.mft = self.runs(0)
        self.bitmap, self.log = self.runs(6), self.runs(2)

    def place(self, runs, at):
        for vcn, lcn, n in runs:
            if vcn * self.cluster <= at < (vcn + n) * self.cluster:
                return (lcn - vcn) * self.cluster + at
        raise ValueError("outside of a stream")

    def at(self, number):
        return self.place(self.mft, number * self.size)

    def record(self, number):
        at = self.at(number)
        rec = self.b[at:at + self.size]
        if rec[:4] != b"FILE":
            return None
        fix(rec, 0, self.size, True)
        return bytes(rec)

    def put(self, number, rec):
        rec = bytearray(rec.ljust(self.size, b"\0"))
        fix(rec, 0, self.size, False)
        places = [self.at(number)]
        if number < 4:
            places.append(u64(self.b, 56) * self.cluster + number * self.size)  # $MFTMirr
        for at in places:
            self.b[at:at + self.size] = rec

    def attribute(self, number, kind):
        """the unnamed one, and where it stands in the record"""
        rec = self.record(number)
        at = u16(rec, 20)
        while u32(rec, at) != 0xFFFFFFFF:
            if u32(rec, at) == kind and not rec[at + 9]:
                return rec[at:at + u32(rec, at + 4)], at
            at += u32(rec, at + 4)
        raise ValueError("no such attribute")

    def runs(self, number):
        attr, _ = self.attribute(number, 0x80)
        p, vcn, lcn, out = u16(attr, 32), 0, 0, []
        while attr[p]:
            n, m = attr[p] & 15, attr[p] >> 4
            length = int.from_bytes(attr[p + 1:p + 1 + n], "little")
            lcn += int.from_bytes(attr[p + 1 + n:p + 1 + n + m], "little", signed=True)
            out.append((vcn, lcn, length))
            vcn += length
            p += 1 + n + m
        return out

    def stream(self, runs):
        return b"".join(self.b[lcn * self.cluster:(lcn + n) * self.cluster] for _, lcn, n in runs)

    def write(self, runs, data):
        for vcn, lcn, n in runs:
            part = data[vcn * self.cluster:(vcn + n) * self.cluster]
            self.b[lcn * self.cluster:lcn * self.cluster + len(part)] = part

    def mark(self):
        """as dirty"""
        attr, at = self.attribute(3, 0x70)
        rec = bytearray(self.record(3))
        rec[at + u16(attr, 20) + 10] |= 1
        self.put(3, bytes(rec))

    def records(self):
        return sum(n for _, _, n in self.mft) * self.cluster // self.size

    def save(self, path):
        with open(path, "wb") as f:
            f.write(self.b)


class Log:
    """$LogFile; pages between the first record and the end only"""

    def __init__(self, data, major):
        self.b, self.major, self.size = bytearray(data), major, len(data) // PAGE * PAGE
        self.first = (4 if major == 1 else 34) * PAGE
        self.bits = self.size.bit_length() - 3

    def place(self, lsn):
        return (lsn & ((1 << self.bits) - 1)) * 8

    # ---- writing ----

    def begin(self, skip):
        self.b[:] = b"\xff" * len(self.b)
        self.pos, self.round, self.oldest = self.first + skip * PAGE + DATA, ROUND, 0

    def page(self):
        at = self.pos // PAGE * PAGE
        if self.b[at:at + 4] != b"RCRD":
            self.b[at:at + PAGE] = bytes(PAGE)
            self.b[at:at + 4] = b"RCRD"
            struct.pack_into("<HH", self.b, at + 4, 0x28, PAGE // 512 + 1)
            struct.pack_into("<HHH", self.b, at + 0x14, 1, 1, DATA)
            struct.pack_into("<H", self.b, at + 0x28, 1)
        return at

    def turn(self):
        self.pos = self.pos // PAGE * PAGE + PAGE
        if self.pos >= self.size:
            self.pos, self.round = self.first, self.round + 1
        self.pos += DATA

    def append(self, kind, data, transaction=0x18):
        data += bytes(-len(data) % 8)
        if PAGE - self.pos % PAGE < HEAD or self.pos % PAGE == 0:
            self.pos -= self.pos % PAGE == 0
            self.turn()
        lsn = self.round << self.bits | self.pos // 8
        many = HEAD + len(data) > PAGE - self.pos % PAGE
        rest = struct.pack("<QQQIHHIIH6x", lsn, 0, 0, len(data), 0, 0, kind, transaction, many) + data
        while rest:
            at = self.page()
            part = rest[:at + PAGE - self.pos]
            self.b[self.pos:self.pos + len(part)] = part
            struct.pack_into("<Q", self.b, at + 8, lsn)
            self.pos, rest = self.pos + len(part), rest[len(part):]
            if rest:
                self.pos -= 1
                self.turn()
        struct.pack_into("<I", self.b, at + 0x10, 1)
        struct.pack_into("<H", self.b, at + 0x18, self.pos - at)
        struct.pack_into("<Q", self.b, at + 0x20, lsn)
        self.last, self.oldest, self.last_len = lsn, self.oldest or lsn, len(data)

    def change(self, redo, undo, target, vcn, block, lcns, redo_data=b"", undo_data=b""):
        head = 0x20 + 8 * max(len(lcns), 1)
        behind = head + len(redo_data) + -len(redo_data) % 8
        data = struct.pack("<HHHHHHHHHHHHQ", redo, undo, head, len(redo_data), behind, len(undo_data), target,
                           len(lcns), 0, 0, block, 0, vcn)
        data += struct.pack(f"<{len(lcns)}Q", *lcns)
        data = data.ljust(head, b"\0") + redo_data
        self.append(1, data.ljust(behind, b"\0") + undo_data)

    def open(self, target, number, sequence):
        entry = struct.pack("<IIIIQQQ", 0xFFFFFFFF, 0, 0x80, 0, number | sequence << 48, self.last, 0)
        self.change(OPEN, 0, target, 0, 0, [], entry)

    def end(self):
        for at in range(self.first, self.size, PAGE):
            if self.b[at:at + 4] == b"RCRD":
                fix(self.b, at, PAGE, False)
        area = struct.pack("<QHHHHIHHQIHHI", self.last, 1, 0xFFFF, 0, 1, 64 - self.bits, 0x40 + 0xA0, 0x40, self.size,
                           self.last_len, HEAD, DATA, 1).ljust(0x40, b"\0")
        client = struct.pack("<QQHHH6xI", self.oldest, self.oldest, 0xFFFF, 0xFFFF, 0, 8) + "NTFS".encode("utf-16le")
        head = b"RSTR" + struct.pack("<HHQIIHHHH", 0x1E, 9, 0, PAGE, PAGE, 0x30, self.major == 1, self.major, 1)
        for at in (0, PAGE):
            self.b[at:at + PAGE] = (head.ljust(0x30, b"\0") + area + client).ljust(PAGE, b"\0")
            fix(self.b, at, PAGE, False)

    # ---- reading ----

    @classmethod
    def found(cls, data):
        page = bytearray(data[:PAGE])
        fix(page, 0, PAGE, True)
        log = cls(data, u16(page, 0x1C))
        log.oldest, log.last = u64(page, 0x70), u64(page, 0x30)
        for at in range(log.first, log.size, PAGE):
            if log.b[at:at + 4] == b"RCRD":
                fix(log.b, at, PAGE, True)
        return log

    def records(self):
        """the records from the oldest to the last one: kind, data"""
        lsn = self.oldest
        while True:
            self.pos, self.round = self.place(lsn), lsn >> self.bits
            assert u64(self.b, self.pos) == lsn, "a record is missing"
            length, kind = u32(self.b, self.pos + 0x18), u32(self.b, self.pos + 0x20)
            self.pos += HEAD
            data = b""
            while True:
                part = self.b[self.pos:min(self.pos // PAGE * PAGE + PAGE, self.pos + length - len(data))]
                data, self.pos = data + part, self.pos + len(part)
                if len(data) == length:
                    break
                self.pos -= 1
                self.turn()
            yield kind, bytes(data)
            if lsn == self.last:
                return
            self.pos += -self.pos % 8
            if PAGE - self.pos % PAGE < HEAD or self.pos % PAGE == 0:
                self.pos -= self.pos % PAGE == 0
                self.turn()
            lsn = self.round << self.bits | self.pos // 8


def flips(old, new, cluster):
    """ranges of bits that differ: start, count, value; none over the edge of a cluster of the map"""
    bits = [(i * 8 + k, new[i] >> k & 1) for i in range(len(old)) if old[i] != new[i] for k in range(8)
            if (old[i] ^ new[i]) >> k & 1]
    out = []
    for at, value in bits:
        if out and out[-1][0] + out[-1][1] == at and out[-1][2] == value and at % (cluster * 8):
            out[-1][1] += 1
        else:
            out.append([at, 1, value])
    return out


def files_changed(before, after):
    for n in range(24, min(before.records(), after.records())):
        old, new = before.record(n), after.record(n)
        if old and new and old != new and u16(old, 22) == u16(new, 22) == 1:
            yield n, old, new


def write_log(before, after, dirty, major):
    cluster = dirty.cluster
    log = Log(dirty.stream(dirty.log), major)
    log.begin((log.size - log.first) // PAGE - 3)
    log.append(2, struct.pack("<IIQQQQQIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    log.open(MFT, 0, u16(before.record(0), 16))
    log.open(BITMAP, 6, u16(before.record(6), 16))
    for at, n, value in flips(before.stream(before.bitmap), after.stream(after.bitmap), cluster):
        vcn, bit = divmod(at, cluster * 8)
        data = struct.pack("<II", bit, n)
        ops = (SET_BITS, CLEAR_BITS) if value else (CLEAR_BITS, SET_BITS)
        log.change(*ops, BITMAP, vcn, 0, [dirty.place(dirty.bitmap, vcn * cluster) // cluster], data, data)
    for n, old, new in files_changed(before, after):
        dirty.put(n, old)
        vcn, rest = divmod(n * dirty.size, cluster)
        log.change(INIT_RECORD, 0, MFT, vcn, rest // 512, [dirty.at(n) // cluster], new[:u32(new, 24)])
    log.change(FORGET, 1, 0, 0, 0, [])
    log.end()
    dirty.write(dirty.log, bytes(log.b))


def crash(before, after, path, how):
    before, after, dirty = Volume(before), Volume(after), Volume(after)
    assert before.mft == after.mft and before.bitmap == after.bitmap and before.log == after.log
    dirty.write(dirty.bitmap, before.stream(before.bitmap))
    if how == "lazy":
        dirty.mark()
    else:
        write_log(before, after, dirty, int(how[-1]))
    dirty.save(path)


def replay(path):
    vol = Volume(path)
    log = Log.found(vol.stream(vol.log))
    bitmap = bytearray(vol.stream(vol.bitmap))
    for kind, data in log.records():
        if kind != 1:
            continue
        op, off, length, vcn = u16(data, 0), u16(data, 4), u16(data, 6), u64(data, 0x18)
        if op in (SET_BITS, CLEAR_BITS):
            first, n = struct.unpack_from("<II", data, off)
            for bit in range(vcn * vol.cluster * 8 + first, vcn * vol.cluster * 8 + first + n):
                mask = 1 << bit % 8
                bitmap[bit // 8] = bitmap[bit // 8] | mask if op == SET_BITS else bitmap[bit // 8] & ~mask
        elif op == INIT_RECORD:
            number = (vcn * vol.cluster + u16(data, 0x14) * 512) // vol.size
            vol.put(number, data[off:off + length])
        else:
            assert op in (OPEN, FORGET), f"operation {op}"
    vol.write(vol.bitmap, bytes(bitmap))
    vol.write(vol.log, b"\xff" * len(vol.stream(vol.log)))
    vol.save(path)


def reopen(path):
    vol = Volume(path)
    vol.mark()
    data = bytearray(vol.stream(vol.log))
    for page in (0, PAGE):
        assert data[page:page + 4] == b"RSTR"
        struct.pack_into("<HHH", data, page + u16(data, page + 24) + 10, 0xFFFF, 0, 0)
    vol.write(vol.log, bytes(data))
    vol.save(path)


if __name__ == "__main__":
    if sys.argv[1] == "crash":
        crash(*sys.argv[2:])
    elif sys.argv[1] == "reopen":
        reopen(sys.argv[2])
    else:
        replay(sys.argv[2])
