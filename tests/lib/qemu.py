#!/usr/bin/env python3
# qemu.py - one QEMU machine: its process, serial line and monitor, with limits that follow the guest's progress
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A module; guest.py is the program over it.

Time. A test machine may be busy, so no limit is in seconds of the wall clock. Every wait has a budget of
CPU seconds that QEMU may spend meanwhile, which ends a guest that spins; and a guest that neither prints
nor computes (a panic, a lost marker) is given up after STALL seconds without either.
"""
import ctypes
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time
import zlib

BUDGET = 300
STALL = 240
STEP = 0.2
# what a guest that only ticks spends: less than this share of a CPU counts as doing nothing
IDLE = 0.02
PROGRAM = "qemu-system-x86_64"


class GuestError(Exception):
    """the machine did not do what was waited for; the text says what"""


def die_with_parent():
    """a QEMU must not outlive the program that steers it (prctl(PR_SET_PDEATHSIG, SIGKILL))"""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def cpu_seconds(pid):
    """CPU seconds a process has spent so far; None when it is gone"""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def png(ppm):
    """a screendump (PPM, 8 bits) as PNG"""
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", ppm)
    width, height = int(head[1]), int(head[2])
    body, row = ppm[head.end():], width * 3
    lines = b"".join(b"\0" + body[y * row:(y + 1) * row] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


class Monitor:
    """QMP over a connected socket"""

    def __init__(self, sock):
        self.file = sock.makefile("rw")
        self.events = []
        json.loads(self.file.readline())
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise GuestError(f"QEMU ended at the command {name}")
            answer = json.loads(line)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise GuestError(f"{name}: {answer['error']['desc']}")
            self.events.append(answer)


class Machine:
    """
    A running QEMU. Everything its serial line says is appended to DIR/serial.log with the wall clock and
    QEMU's CPU seconds at each line in DIR/times.log.
    """

    def __init__(self, folder, argv):
        self.folder = folder
        self.wanted = lambda: True  # false ends every wait
        self.text = bytearray()     # all that came over the serial line
        self.seen = 0               # what wait() has passed
        self.began = time.monotonic()
        serial, serial_far = socket.socketpair()
        monitor, monitor_far = socket.socketpair()
        fds = (serial_far.fileno(), monitor_far.fileno())
        self.log = open(f"{folder}/serial.log", "wb", buffering=0)
        self.times = open(f"{folder}/times.log", "w", buffering=1)
        with open(f"{folder}/qemu.log", "wb") as err:
            self.process = subprocess.Popen(
                [PROGRAM, "-display", "none", "-nodefaults", "-no-reboot",
                 "-chardev", f"socket,id=serial0,fd={fds[0]}", "-serial", "chardev:serial0",
                 "-chardev", f"socket,id=qmp0,fd={fds[1]}", "-mon", "chardev=qmp0,mode=control", *argv],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, pass_fds=fds, preexec_fn=die_with_parent)
        serial_far.close()
        monitor_far.close()
        self.serial = serial
        serial.setblocking(False)
        try:
            self.monitor = Monitor(monitor)
        except ValueError:
            raise GuestError("QEMU did not start: " + self.complaint()) from None

    def complaint(self):
        with open(f"{self.folder}/qemu.log", errors="replace") as f:
            return f.read().strip()[-2000:] or "it says nothing"

    # --- the serial line ---

    def pump(self, seconds):
        """take in what the guest prints; False when nothing came within that time"""
        if not select.select([self.serial], [], [], seconds)[0]:
            return False
        try:
            data = self.serial.recv(65536)
        except OSError:
            data = b""
        if not data:
            raise GuestError(f"QEMU has ended ({self.process.wait()}): {self.complaint()}")
        self.log.write(data)
        start = len(self.text)
        self.text += data
        for match in re.finditer(rb"\n", data):
            line = self.text[self.text.rfind(b"\n", 0, start + match.start()) + 1:start + match.start()]
            self.times.write(f"{time.monotonic() - self.began:.2f} {self.cpu():.2f} "
                             f"{line.decode(errors='replace').rstrip()}\n")
        return True

    def send(self, text):
        """type into the serial line, taking in what is echoed, so that neither side waits for the other"""
        data = text.encode()
        while data:
            readable, writable, _ = select.select([self.serial], [self.serial], [], STALL)
            if readable:
                self.pump(0)
            if writable:
                data = data[self.serial.send(data[:256]):]
            if not readable and not writable:
                raise GuestError("the guest does not take what is typed")

    # --- waiting ---

    def cpu(self):
        return cpu_seconds(self.process.pid) or 0.0

    def until(self, done, what, budget):
        """take in what the guest prints until done() gives something, which is returned"""
        begin = quiet_cpu = self.cpu()
        quiet = 0.0     # in steps of our own: a host that stands still meanwhile makes no guest idle
        while True:
            result = done()
            if result:
                return result
            if not self.wanted():
                raise GuestError("nobody waits any more")
            if self.pump(STEP):
                quiet, quiet_cpu = 0.0, self.cpu()
                continue
            quiet, spent = quiet + STEP, self.cpu()
            if spent - quiet_cpu > IDLE * STALL:
                quiet, quiet_cpu = 0.0, spent
            if spent - begin > budget:
                raise GuestError(f"{what} did not come within {budget} CPU seconds")
            if quiet > STALL:
                raise GuestError(f"{what} did not come, and the guest does nothing any more")

    def wait(self, pattern, budget=BUDGET):
        """the next match of a pattern in what the guest prints; it and all before are passed"""
        regex = re.compile(pattern.encode(), re.MULTILINE)
        match = self.until(lambda: regex.search(self.text, self.seen), f"'{pattern}'", budget)
        self.seen = match.end()
        return match

    def wait_off(self, budget=BUDGET):
        """wait until the guest has switched itself off"""
        try:
            self.until(lambda: False, "the end", budget)
        except GuestError:
            if self.process.poll() is None:
                raise

    # --- the monitor ---

    def keys(self, names):
        """press keys one after the other; a name as "ctrl-c" presses several at once (QEMU's qcodes)"""
        for name in names:
            codes = [{"type": "qcode", "data": code} for code in name.split("-")]
            self.monitor.command("send-key", keys=codes)
            time.sleep(0.12)

    def screendump(self, path):
        """the screen as PNG"""
        self.monitor.command("screendump", filename=path + ".ppm")
        with open(path + ".ppm", "rb") as f:
            picture = png(f.read())
        os.unlink(path + ".ppm")
        with open(path, "wb") as f:
            f.write(picture)

    def unplug(self, device):
        """pull a device out; returns when it is gone"""
        def gone():
            self.monitor.command("query-status")
            return any(e["event"] == "DEVICE_DELETED" and e["data"].get("device") == device
                       for e in self.monitor.events)

        self.monitor.events.clear()
        self.monitor.command("device_del", id=device)
        self.until(gone, f"the end of the device {device}", BUDGET)

    def human(self, line):
        """a line of QEMU's human monitor; anything it answers to a command that changes something is a complaint"""
        return self.monitor.command("human-monitor-command", **{"command-line": line})

    def kill(self):
        """pull the plug: no cache of QEMU's is written back"""
        self.process.kill()
        self.process.wait()
