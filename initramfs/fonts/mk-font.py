#!/usr/bin/env python3
# mk-font.py - a console font (PSF2) of chosen glyphs out of an X11 font (PCF)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
mk-font.py FONT.pcf.gz HEIGHT SLOTS OUT.psf LIST...

A LIST has one item per line; # starts a comment:
    U+0020-U+007E      a range
    U+2501=U+2500      a character that is drawn as another
    @192               the next glyphs go to slots from 192 on
ASCII stands in its own slots, because the kernel clears the screen with slot 32. Characters that look the
same share a slot. A character without a glyph, or one slot too few, ends the program with a sentence.
"""
import gzip
import struct
import sys

ACCELERATORS, METRICS, BITMAPS, ENCODINGS = 1 << 1, 1 << 2, 1 << 3, 1 << 5


class Pcf:
    """Reader of the Portable Compiled Format, as bdftopcf and the X server define it."""

    def __init__(self, path):
        with gzip.open(path) as file:
            self.data = file.read()
        if self.data[:4] != b"\1fcp":
            sys.exit(f"mk-font.py: {path} is not a PCF font")
        count = struct.unpack_from("<I", self.data, 4)[0]
        rows = [struct.unpack_from("<IIII", self.data, 8 + 16 * i) for i in range(count)]
        self.tables = {kind: (form, offset + 4) for kind, form, _, offset in rows}
        self.ascent = self.read(ACCELERATORS, "i", 8)[0]
        self.metrics = self.read_metrics()
        self.offsets = self.read(BITMAPS, f"{len(self.metrics)}I", 4)
        self.encoding = self.read_encoding()

    def read(self, kind, layout, skip):
        form, offset = self.tables[kind]
        return struct.unpack_from((">" if form & 4 else "<") + layout, self.data, offset + skip)

    def read_metrics(self):
        """(left, right, width, ascent, descent) of every glyph"""
        if not self.tables[METRICS][0] & 0x100:
            count = self.read(METRICS, "I", 0)[0]
            return [self.read(METRICS, "5h", 4 + 12 * i) for i in range(count)]
        count = self.read(METRICS, "H", 0)[0]
        return [[b - 0x80 for b in self.read(METRICS, "5B", 2 + 5 * i)] for i in range(count)]

    def read_encoding(self):
        """code point -> number of the glyph"""
        first, last, low, high, _ = self.read(ENCODINGS, "5H", 0)
        width = last - first + 1
        cells = self.read(ENCODINGS, f"{width * (high - low + 1)}H", 10)
        codes = ((low + i // width) * 256 + first + i % width for i in range(len(cells)))
        return {code: glyph for code, glyph in zip(codes, cells) if glyph != 0xFFFF}

    def bitmap(self, code, height):
        """rows of the character cell, each height/2 dots wide, as bytes; None when there is no glyph"""
        glyph = self.encoding.get(code)
        if glyph is None:
            return None
        form, table = self.tables[BITMAPS]
        left, right, _, ascent, descent = self.metrics[glyph]
        pad = 1 << (form & 3)
        stride = (right - left + 8 * pad - 1) // (8 * pad) * pad
        start = table + 4 + 4 * len(self.metrics) + 16 + self.offsets[glyph]
        width = height // 2
        rows = [0] * height
        for i in range(ascent + descent):
            row = int.from_bytes(self.data[start + i * stride : start + (i + 1) * stride], "big")
            rows[self.ascent - ascent + i] = (row << width) >> (8 * stride + left)
        return b"".join((row & (1 << width) - 1).to_bytes(width // 8, "big") for row in rows)


def items(path):
    with open(path, encoding="ascii") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                yield line


def code_point(text):
    return int(text.removeprefix("U+"), 16)


class Font:
    def __init__(self, source, height, slots):
        self.source, self.height = source, height
        self.glyphs = [None] * slots
        self.chars = [[] for _ in range(slots)]
        self.slot_of = {}
        self.known = set()
        self.next = 0

    def add(self, code, drawn_as):
        if code in self.known:
            return
        bitmap = self.source.bitmap(drawn_as, self.height)
        if bitmap is None:
            sys.exit(f"mk-font.py: the font has no glyph for U+{drawn_as:04X}")
        self.known.add(code)
        self.chars[self.slot(code, bitmap)].append(code)

    def slot(self, code, bitmap):
        if bitmap in self.slot_of:
            return self.slot_of[bitmap]
        at = code if 32 <= code < 127 else self.next_free()
        self.glyphs[at] = bitmap
        self.slot_of[bitmap] = at
        return at

    def next_free(self):
        for at in [*range(self.next, len(self.glyphs)), *range(self.next)]:
            if self.glyphs[at] is None and not 32 <= at < 127:
                return at
        sys.exit(f"mk-font.py: more than {len(self.glyphs)} glyphs")

    def add_list(self, path):
        for item in items(path):
            if item.startswith("@"):
                self.next = int(item[1:])
            elif "=" in item:
                self.add(*map(code_point, item.split("=")))
            else:
                first, _, last = item.partition("-")
                for code in range(code_point(first), code_point(last or first) + 1):
                    self.add(code, code)

    def write(self, path):
        width = self.height // 2
        size = self.height * (width // 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<8I", 0x864AB572, 0, 32, 1, len(self.glyphs), size, self.height, width))
            for bitmap in self.glyphs:
                file.write(bitmap or bytes(size))
            for codes in self.chars:
                file.write("".join(map(chr, codes)).encode() + b"\xff")


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    source, height, slots, out, *lists = sys.argv[1:]
    font = Font(Pcf(source), int(height), int(slots))
    for path in lists:
        font.add_list(path)
    font.write(out)


main()
