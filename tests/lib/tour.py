#!/usr/bin/python3
# tour.py - walks the pages of the interface by a table of steps, and compares each with a picture that is kept
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Debian's own python: pyte is a package of it.
#
# usage: tour.py MODE TABLE FOLDER      MODE: mono colour wide plain sizes; FOLDER: of the pictures
#
# GOLDEN=new in the environment writes the pictures instead of comparing, each when nothing has moved for SETTLE seconds.
# ROOT, WORK, SALVOR and whatever the table uses as $NAME come from there, too. The steps are described at the head of
# tests/screens/tour.table.
import os
import re
import shlex
import signal
import subprocess
import sys
import time

from terminal import KEYS, Gone, Terminal

MODES = {"mono": (80, 24), "colour": (80, 24), "wide": (120, 40), "plain": (0, 0), "sizes": (80, 24)}
RESIZES = [(120, 40), (60, 20), (39, 7), (80, 24)]
# what differs from run to run: to be masked without moving anything that stands before it in its line
MASKS = [
    (re.compile(r"([Ss]alvor) \d+\.\d+\.\d+"), r"\1 VERSION"),
    (re.compile(r"/run/sv\.\w{6}"), "/run/sv.XXXXXX"),
    (re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?)?"), "DATE"),
    (re.compile(r"\b(\d+:)?\d+:\d\d(Z|[+-]\d\d:\d\d)?\b"), "TIME"),
    (re.compile(r"\b\d+ s\b"), "N s"),
    (re.compile(r"[\d.]+ ([kMG]?B|bytes)/s"), "SPEED"),
    (re.compile(r"[\d.]+ ([kMG]?B|bytes) (free|stored)"), r"SIZE \2"),
    (re.compile(r"at most \d+ more bytes"), "at most N more bytes"),
    # whether anything had been stored when a read failed is chance
    (re.compile(r"^( ?Time TIME) +SIZE stored", re.M), r"\1"),
    (re.compile(r"(Free now:|stored in|Continued at) [\d.]+ ([kMG]?B|bytes)"), r"\1 SIZE"),
    (re.compile(r"(Name of this computer:) \S+"), r"\1 NAME"),
    (re.compile(r"unfinished backup, \d+ %"), "unfinished backup, N %"),
    (re.compile(r"(TIME|\?) left"), "TIME left"),
    # where its attributes end depends on how many seconds there are
    (re.compile(r"^(.*does not answer, N s.*)\n\t.*$", re.M), r"\1"),
    (re.compile(r"left: (TIME to TIME|TIME|\?)"), "left: TIME"),
    # a graph of the speed; not full rows of a map
    (re.compile(r"^(?! █{77,}$)[█▄ ]+(SPEED)?$", re.M), ""),
]
TOO_SMALL = "This window is too small"
TRANSIENT = ("being looked at", "being asked", "reading ...", "not known yet")


class Failed(Exception):
    pass


def masked(text):
    for pattern, by in MASKS:
        text = pattern.sub(by, text)
    return re.sub(r"[ ]+$", "", text, flags=re.M)


def holds(line, text):
    """TEXT, or with a $ behind it: at the end."""
    return line.rstrip().endswith(text[:-1]) if text.endswith("$") else text in line


class Tour:
    def __init__(self, mode, folder):
        self.mode, self.folder = mode, folder
        self.new = os.environ.get("GOLDEN") == "new"
        self.term, self.pages, self.pictures, self.failures = None, set(), [], 0
        self.plain = MODES[mode][0] == 0

    # --- steps ---

    def do_start(self, *settings):
        self.do_end()
        columns, rows = MODES[self.mode]
        env = dict(word.split("=", 1) for word in settings)
        if self.mode in ("mono", "sizes"):
            env["NO_COLOR"] = "1"
        env["SALVOR_ROOT"] = os.environ["ROOT"]
        self.term = Terminal(os.environ["SALVOR"], os.environ["WORK"] + "/trace", columns, rows, env)

    def do_end(self):
        if self.term:
            self.term.end()
        self.term = None

    def do_dies(self, how, want=None):
        """The program ends, by itself (how: the exit code) or by a signal, and leaves the terminal as it was."""
        want = want or how
        want = int(want) << 8 if want.isdigit() else getattr(signal, "SIG" + want).value
        if not how.isdigit():
            os.kill(self.term.pid, getattr(signal, "SIG" + how))
        self.term.wait_end()
        # the lowest bits: the signal; the one above: a core was dumped
        if self.term.status & ~0x80 != want:
            raise Failed(f"ended with {self.term.status:#x} instead of {want:#x}\n{self.term.text()}")
        if not self.term.is_sane():
            raise Failed(f"after {how} the terminal is not as it was")
        os.close(self.term.fd)
        self.term = None

    def do_on(self, page):
        self.term.wait(f"the page {page}", lambda t: t[0] == page)

    def do_page(self, page, name=None):
        self.do_on(page)
        self.pages.add(page)
        self.look(name or page)
        if self.mode == "sizes":
            self.change_sizes(name or page)

    def do_until(self, *words):
        self.wait_text(" ".join(words), True)

    def do_gone(self, *words):
        self.wait_text(" ".join(words), False)

    def do_key(self, *names):
        for name in names:
            self.term.key(name)

    def do_back(self, times="1"):
        for _ in range(int(times)):
            self.term.key("b" if self.plain else "Esc")

    def do_at(self, *words):
        text = " ".join(words)
        if self.plain:
            return
        self.term.key("Home")
        for _ in range(100):
            here = (self.term.screen.cursor.y, self.term.text())
            if self.term.is_focus() and holds(self.term.focus_line(), text):
                return
            self.term.key("Down")
            if here == (self.term.screen.cursor.y, self.term.text()):
                break
        raise Failed(f"nothing to choose is called {text}\n{self.term.text()}")

    def do_choose(self, *words):
        text = " ".join(words)
        if self.plain:
            self.term.key(self.label(text))
        else:
            self.do_at(text)
            self.term.key("Enter")

    def do_change(self, *words):
        if self.plain:
            self.do_choose(*words)
        else:
            self.do_at(*words)
            self.term.key("Right")

    def do_asks(self, name):
        """Plain mode, up to the question for the text of a field."""
        label = self.label(name)
        self.term.heard = b""
        self.term.send(label.encode() + b"\n")
        self.term.wait(f"the question for {name}", lambda _: name + "? " in self.term.text())

    def do_type(self, *words):
        name, value = " ".join(words).split("=", 1)
        if self.plain:
            self.do_asks(name)
            self.term.key(value)
        else:
            self.do_at(name)
            self.do_key("C-u", *value)

    def do_run(self, *words):
        subprocess.run(["bash", "-eu", "-c", " ".join(words)], check=True)

    def do_count(self, number):
        """So many keys, sent at once: all of them are dealt with, and the page stays."""
        if self.plain:
            return
        page = self.term.turn()[0]
        keys = "Down Up PgDn PgUp".split()
        for i in range(int(number)):
            self.term.send(KEYS[keys[i % 4]].encode())
        self.term.keys += int(number)
        self.term.wait(f"{number} keys", lambda t: t[1] >= self.term.keys)
        shown, handled, _ = self.term.turn()
        if shown != page or handled != self.term.keys:
            raise Failed(f"{handled} of {self.term.keys} keys, and the page is {shown} instead of {page}")
        print(f"    {page}: {number} keys, {number} dealt with while it hangs")

    # --- looking ---

    def label(self, text):
        self.refresh()
        for line in self.term.text().split("\n"):
            found = re.match(r"(\w+)\. (.*)", line)
            if found and holds(found[2], text):
                return found[1]
        raise Failed(f"nothing to choose is called {text}\n{self.term.text()}")

    def refresh(self):
        """Plain mode says a page again when it is asked for something that it does not have."""
        if self.plain:
            self.term.key("nothing")

    def wait_text(self, text, there):
        end = time.monotonic() + float(os.environ.get("SEE_SECONDS", "60"))
        while (text in self.term.text()) != there:
            if time.monotonic() > end:
                raise Failed(f"{'never' if there else 'always'} there: {text}\n{self.term.text()}")
            self.refresh()
            self.term.turn(0.1)

    def picture(self):
        if not self.plain:
            return masked(self.term.picture())
        text = self.term.text()
        if text.startswith('"nothing"'):
            text = text.split("\n", 1)[1]
        return masked(text).strip("\n") + "\n"

    def file_of(self, name, mode=None):
        mode = mode or {"sizes": "mono"}.get(self.mode, self.mode)
        return os.path.join(self.folder, mode, name + ".txt")

    def settle(self):
        """For a picture that is to be kept: until nothing moves any more."""
        last, begun = None, time.monotonic()
        since = begun
        while True:
            self.refresh()
            self.term.turn(0.2)
            now, t = self.picture(), time.monotonic()
            if now != last:
                last, since = now, t
            elif t > since + float(os.environ.get("SETTLE", "1.5")) and (t > begun + 15 or not any(word in now for word in TRANSIENT)):
                return last

    def look(self, name):
        if name in self.pictures:
            raise Failed(f"two pictures are called {name}")
        self.pictures.append(name)
        file = self.file_of(name)
        if self.new and self.mode != "sizes":
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "w", encoding="utf-8") as f:
                f.write(self.settle())
            return
        self.compare(file, "", self.picture)

    def compare(self, file, what, picture, part=lambda text: text):
        with open(file, encoding="utf-8") as f:
            want = part(f.read())
        got, end = None, time.monotonic() + float(os.environ.get("SEE_SECONDS", "30"))
        while time.monotonic() < end:
            got = part(picture())
            if got == want:
                return
            self.refresh()
            self.term.turn(0.1)
        with open(os.environ["WORK"] + "/got.txt", "w", encoding="utf-8") as f:
            f.write(got)
        diff = subprocess.run(["diff", "-u", file, os.environ["WORK"] + "/got.txt"], capture_output=True, text=True)
        print(f"{file}{what}:\n{diff.stdout}", flush=True)
        self.failures += 1

    def change_sizes(self, name):
        """Larger, smaller, too small, and as before: each time as if it had been drawn so at once."""
        for columns, rows in RESIZES:
            self.term.resize(columns, rows)
            if (columns, rows) == (39, 7):
                self.wait_text(TOO_SMALL, True)
            elif (columns, rows) == (60, 20) and TOO_SMALL in self.term.text():
                raise Failed("60x20 is not too small")
            elif (columns, rows) == (120, 40):
                self.compare(self.file_of(name, "wide"), " after a resize to 120x40", self.picture, without_styles)
        self.compare(self.file_of(name), " after resizes", self.picture)


def without_styles(text):
    return re.sub(r"^\t(?!cursor).*\n", "", text, flags=re.M)


def steps_of(table):
    """(number, line) of each step."""
    with open(table, encoding="utf-8") as f:
        lines = f.read().split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            yield number, line


def main():
    mode, table, folder = sys.argv[1:]
    tour = Tour(mode, folder)
    for number, line in steps_of(table):
        faces, colon, rest = line.partition(": ")
        if colon and faces in ("curses", "plain", "not-sizes"):
            if faces == ("curses" if tour.plain else "plain") or (faces == "not-sizes" and mode == "sizes"):
                continue
            line = rest
        verb, _, rest = line.strip().partition(" ")
        rest = os.path.expandvars(rest) if verb != "run" else rest
        words = [rest] if verb in ("run", "until", "gone", "choose", "at", "change", "type") else shlex.split(rest)
        print(f"{number}: {line}", flush=True)
        try:
            getattr(tour, "do_" + verb)(*words)
        except (Gone, Failed) as e:
            print(e)
            # nothing may go on to hang
            with open(os.environ["GATE"], "w", encoding="utf-8"):
                pass
            tour.do_end()
            sys.exit(1)
    tour.do_end()
    print(f"{len(tour.pictures)} pictures of {len(tour.pages)} pages, {tour.failures} differ")
    with open(os.environ["WORK"] + "/pages", "w", encoding="utf-8") as f:
        f.writelines(page + "\n" for page in sorted(tour.pages))
    sys.exit(tour.failures != 0)


main()
