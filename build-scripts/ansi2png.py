#!/usr/bin/env python3
# ansi2png.py - a terminal's screen as a picture, drawn with the console font of the live image
# SPDX-License-Identifier: GPL-3.0-or-later
"""
tmux capture-pane -e -p | ansi2png.py FONT.psf COLUMNS ROWS CURSOR_X CURSOR_Y OUT.png

Understands what tmux writes for a screen: text in UTF-8, SGR with the eight colours, bold, dim, reverse, underline.
"""
import re
import struct
import sys
import zlib

# the palette of the Linux console
DARK = [(0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170)]
LIGHT = [(85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
         (255, 255, 255)]


class Font:
    """PSF2, with its Unicode table (kbd's psf.h)"""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        magic, _, header, flags, count, size, self.height, self.width = struct.unpack_from("<IIIIIIII", data)
        if magic != 0x864AB572 or not flags & 1:
            sys.exit(f"ansi2png.py: {path} is not a PSF2 font with a table")
        self.glyphs = [data[header + i * size:header + (i + 1) * size] for i in range(count)]
        self.slots = {}
        for slot, entry in enumerate(data[header + count * size:].split(b"\xff")[:count]):
            for char in entry.split(b"\xfe")[0].decode("utf-8", "ignore"):
                self.slots.setdefault(char, slot)

    def rows(self, char):
        """the glyph's rows as integers of `width` bits"""
        glyph = self.glyphs[self.slots.get(char, self.slots.get("?", 0))]
        stride = (self.width + 7) // 8
        shift = stride * 8 - self.width
        return [int.from_bytes(glyph[i:i + stride], "big") >> shift for i in range(0, len(glyph), stride)]


class Style:
    def __init__(self):
        self.reset()

    def reset(self):
        self.fore, self.back, self.bold, self.dim, self.reverse, self.underline = 7, 0, False, False, False, False

    def apply(self, codes):
        for code in codes:
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 4:
                self.underline = True
            elif code == 7:
                self.reverse = True
            elif code == 22:
                self.bold = self.dim = False
            elif code == 24:
                self.underline = False
            elif code == 27:
                self.reverse = False
            elif 30 <= code <= 37:
                self.fore = code - 30
            elif code == 39:
                self.fore = 7
            elif 40 <= code <= 47:
                self.back = code - 40
            elif code == 49:
                self.back = 0
            elif 90 <= code <= 97:
                self.fore, self.bold = code - 90, True

    def colours(self):
        fore = (LIGHT if self.bold else DARK)[self.fore]
        if self.dim:
            fore = LIGHT[0]
        back = DARK[self.back]
        return (back, fore) if self.reverse else (fore, back)


def cells(text, columns, rows):
    """[row][column] of (character, foreground, background, underlined)"""
    style = Style()
    screen = []
    for line in text.split("\n")[:rows]:
        row = []
        for part in re.split(r"(\x1b\[[0-9;]*m)", line.replace("\x0e", "").replace("\x0f", "")):
            if part.startswith("\x1b["):
                style.apply([int(code or 0) for code in part[2:-1].split(";")])
            else:
                row += [(char, *style.colours(), style.underline) for char in part]
        screen.append(row)
    blank = (" ", DARK[7], DARK[0], False)
    screen += [[] for _ in range(rows - len(screen))]
    return [(row + [blank] * columns)[:columns] for row in screen]


def draw(font, screen, cursor):
    """scan lines of RGB"""
    lines = []
    for y, row in enumerate(screen):
        glyphs = [font.rows(cell[0]) for cell in row]
        for r in range(font.height):
            line = bytearray()
            for x, (_, fore, back, underlined) in enumerate(row):
                marked = (underlined and r == font.height - 2) or ((x, y) == cursor and r >= font.height - 2)
                bits = (1 << font.width) - 1 if marked else glyphs[x][r]
                for bit in range(font.width - 1, -1, -1):
                    line += bytes(fore if bits >> bit & 1 else back)
            lines.append(bytes(line))
    return lines


def png(lines):
    """with a palette: a screen has few colours"""
    palette = sorted({line[i:i + 3] for line in lines for i in range(0, len(line), 3)})
    index = {colour: number for number, colour in enumerate(palette)}
    body = b"".join(b"\0" + bytes(index[line[i:i + 3]] for i in range(0, len(line), 3)) for line in lines)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", len(lines[0]) // 3, len(lines), 8, 3, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"PLTE", b"".join(palette)) +
            chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))


def main():
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    columns, rows, x, y = map(int, sys.argv[2:6])
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    picture = png(draw(Font(sys.argv[1]), cells(text, columns, rows), (x, y)))
    with open(sys.argv[6], "wb") as f:
        f.write(picture)


main()
