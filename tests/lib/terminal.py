#!/usr/bin/python3
# terminal.py - the interface in a terminal of our own: keys in, the screen as text and attributes out, nothing by the clock
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The program tells through SALVOR_TRACE which page is shown and how many keys it has dealt with: a key is sent, and when
# it has been counted the screen is what the key made of it.
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

# seconds until something that never comes is given up
PATIENCE = 2 * float(os.environ.get("SEE_SECONDS", "60"))
KEYS = {"Up": "\033[A", "Down": "\033[B", "Right": "\033[C", "Left": "\033[D", "Home": "\033[1~", "End": "\033[4~",
        "PgUp": "\033[5~", "PgDn": "\033[6~", "Enter": "\r", "Esc": "\033", "Space": " ", "F1": "\033[[A", "C-u": "\x15"}
COLOURS = {"red": "r", "green": "g", "brown": "y", "blue": "b", "cyan": "c", "white": "w", "default": "-"}


class Gone(Exception):
    """What was waited for did not come, or the program has ended."""


class Terminal:
    """One run of the program. columns = 0: plain mode, where the screen is the text of the last page."""

    def __init__(self, program, trace, columns, rows, env):
        self.trace, self.columns, self.rows = trace, columns, rows
        self.keys = self.sizes = 0
        self.page, self.status = "", None
        self.heard = b""
        self.echo = bool(columns) or "KEEP_ECHO" in env
        if os.path.exists(trace):
            os.unlink(trace)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "linux"}, SALVOR_TRACE=trace, SALVOR_UI="tui" if columns else "plain", **env)
            flags = termios.tcgetattr(0)
            if not self.echo:
                flags[3] &= ~termios.ECHO
            termios.tcsetattr(0, termios.TCSANOW, flags)
            os.execv(program, [program])
        os.set_blocking(self.fd, False)
        self.screen = pyte.Screen(columns or 80, rows or 24)
        self.stream = pyte.ByteStream(self.screen)
        if columns:
            self._set_size(columns, rows)

    # --- what the program says ---

    def _set_size(self, columns, rows):
        self.screen.resize(rows, columns)
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _drain(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], seconds)
        while ready:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                if self.status is None:
                    self.status = os.waitpid(self.pid, 0)[1]
                return
            self.heard += data
            if self.columns:
                self.stream.feed(data)
            ready, _, _ = select.select([self.fd], [], [], 0)

    def turn(self, seconds=0.02):
        """Let it go on for a moment; returns (page, keys, sizes) of what is shown by now."""
        self._drain(seconds)
        try:
            with open(self.trace, "rb") as f:
                f.seek(max(0, os.path.getsize(self.trace) - 200))
                lines = f.read().split(b"\n")
        except FileNotFoundError:
            return "", 0, 0
        if len(lines) < 2:
            return "", 0, 0
        self._drain(0)
        page, keys, sizes = lines[-2].split()[-3:]
        self.page = page.decode()
        return self.page, int(keys), int(sizes)

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if condition(self.turn()):
                return
            if self.status is not None:
                raise Gone(f"{what}: the program has ended ({self.status})\n{self.text()}")
        raise Gone(f"{what}: it never came; the page is {self.page}\n{self.text()}")

    def text(self):
        if self.columns:
            return "\n".join(line.rstrip() for line in self.screen.display)
        return self.heard.decode(errors="replace").replace("\r\n", "\n")

    # --- what is done to it ---

    def send(self, data):
        """Bytes, not waited for."""
        os.set_blocking(self.fd, True)
        os.write(self.fd, data)
        os.set_blocking(self.fd, False)

    def key(self, name):
        """One key (in plain mode: one line), until it has been dealt with."""
        if not self.columns:
            self.heard = b""
            self.send(name.encode() + b"\n")
        else:
            self.send(KEYS.get(name, name).encode())
        self.keys += 1
        if self.status is None:
            try:
                self.wait(f"the key {name}", lambda t: t[1] >= self.keys)
            except Gone:
                if self.status is None:
                    raise

    def resize(self, columns, rows):
        sizes = self.turn()[2]
        self._set_size(columns, rows)
        self.wait("the new size", lambda t: t[2] > sizes)

    def end(self, how=signal.SIGTERM):
        """Until nobody has the terminal any more."""
        if self.status is None:
            os.kill(self.pid, how)
        self.wait_end()
        os.close(self.fd)

    def wait_end(self):
        end = time.monotonic() + PATIENCE
        while self.status is None:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise Gone(f"the program does not end\n{self.text()}")
            self._drain(0.1)

    def is_sane(self):
        """After the end: line mode and echo as in a new terminal, the first screen, and a cursor."""
        master, slave = pty.openpty()
        fresh, now = termios.tcgetattr(slave), termios.tcgetattr(self.fd)
        if not self.echo:
            fresh[3] &= ~termios.ECHO
        os.close(master)
        os.close(slave)
        last = [(self.heard.rfind(on), self.heard.rfind(off)) for on, off in ((b"\033[?1049l", b"\033[?1049h"),
                                                                             (b"\033[?25h", b"\033[?25l"))]
        return fresh == now and all(on > off or off < 0 for on, off in last)

    # --- what is seen ---

    def styles(self, y):
        """Runs of the row that do not look like the rest: "FIRST-LAST colours and b(old), r(everse)"."""
        runs, row = [], self.screen.buffer[y]
        for x in range(self.columns):
            cell = row[x]
            style = "" if (cell.fg, cell.bg) == ("default", "default") else \
                COLOURS.get(cell.fg, cell.fg) + COLOURS.get(cell.bg, cell.bg)
            style += ("B" if cell.bold else "") + ("R" if cell.reverse else "")
            if runs and runs[-1][2] == style and runs[-1][1] == x - 1:
                runs[-1][1] = x
            elif style:
                runs.append([x, x, style])
        return " ".join(f"{a}-{b}:{s}" for a, b, s in runs)

    def picture(self):
        """Text, the attributes of each row below it, and where the cursor stands."""
        out = []
        for y, line in enumerate(self.text().split("\n")):
            out.append(line)
            if self.styles(y):
                out.append("\t" + self.styles(y))
        return "\n".join(out + [f"\tcursor {self.screen.cursor.y} {self.screen.cursor.x}"]) + "\n"

    def focus_line(self):
        return self.screen.display[self.screen.cursor.y]

    def is_focus(self):
        return re.match("[►>]", self.focus_line()) is not None
