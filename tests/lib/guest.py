#!/usr/bin/env python3
# guest.py - steer a QEMU guest from a script: start it, run commands in it, pull its plugs
# SPDX-License-Identifier: GPL-3.0-or-later
"""
guest.py start DIR OWNER QEMU-ARG...  start a machine that lives as long as the process OWNER; its logs lie in DIR
guest.py wait DIR PATTERN [BUDGET]    until the serial line says this (a regular expression)
guest.py run DIR COMMAND [BUDGET]     run shell commands in the guest; output and exit code are passed on
guest.py send DIR TEXT                type into the serial line (backslash escapes as in printf)
guest.py keys DIR NAME...             press keys of the keyboard (QEMU's qcodes, "ctrl-c" for several at once)
guest.py unplug DIR ID                pull a device out
guest.py monitor DIR LINE             a line of QEMU's human monitor, "device_add usb-storage,id=a,drive=b"
guest.py qmp DIR COMMAND               a command of QEMU's other monitor without arguments; its answer as JSON
guest.py screendump DIR FILE          the screen as PNG
guest.py off DIR [BUDGET]             wait until the guest has switched itself off
guest.py kill DIR                     pull the power plug
Exit code 99 and a sentence when the machine does not do what was asked for. BUDGET: CPU seconds, see qemu.py.

`start` leaves a server behind that owns the machine and listens on DIR/control: one JSON line per request.
"""
import base64
import json
import os
import re
import select
import socket
import sys

from qemu import BUDGET, GuestError, Machine

# the shell in the guest answers with base64, so that neither kernel messages nor the terminal's line
# ends can change what a program said. The markers are split, so that their echo is not taken for them.
ANSWER = """sh /tmp/.run >/tmp/.out 2>/tmp/.err </dev/null; echo '@@''{n} '$?; base64 /tmp/.out; \
echo '@@''err'; base64 /tmp/.err; echo '@@''end'
"""


class Server:
    """answers requests about one machine"""

    def __init__(self, machine):
        self.machine = machine
        self.count = 0
        self.over = False

    def run(self, command, budget=BUDGET):
        m = self.machine
        self.count += 1
        lines = base64.encodebytes(command.encode() + b"\n").decode()
        m.send(f"base64 -d >/tmp/.run <<'.'\n{lines}.\n" + ANSWER.format(n=self.count))
        rc = int(m.wait(rf"@@{self.count} (\d+)\r?\n", float(budget))[1])
        start = m.seen
        out = m.text[start:m.wait(r"@@err\r?\n").start()]
        start = m.seen
        err = m.text[start:m.wait(r"@@end\r?\n").start()]
        return {"rc": rc, "out": decoded(out), "err": decoded(err)}

    def wait(self, pattern, budget=BUDGET):
        return {"out": self.machine.wait(pattern, float(budget))[0].decode(errors="replace") + "\n"}

    def send(self, text):
        self.machine.send(text.encode().decode("unicode_escape"))

    def keys(self, *names):
        self.machine.keys(names)

    def unplug(self, device):
        self.machine.unplug(device)

    def monitor(self, line):
        return {"out": self.machine.human(line).replace("\r", "")}

    def qmp(self, command):
        return {"out": json.dumps(self.machine.monitor.command(command)) + "\n"}

    def screendump(self, path):
        self.machine.screendump(path)

    def off(self, budget=BUDGET):
        self.machine.wait_off(float(budget))

    def kill(self):
        self.machine.kill()
        self.over = True

    def answer(self, request):
        try:
            return getattr(self, request["verb"])(*request["args"]) or {}
        except (GuestError, OSError, ValueError) as e:
            return {"rc": 99, "err": f"guest.py: {e}\n"}


def decoded(data):
    return base64.b64decode(re.sub(rb"\s", b"", bytes(data)), validate=True).decode(errors="replace")


def alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def serve(listener, machine, owner):
    """until the machine or its owner is gone"""
    server = Server(machine)
    machine.wanted = lambda: alive(owner)
    while alive(owner) and not server.over:
        if machine.process.poll() is None:
            ready = select.select([listener, machine.serial], [], [], 1)[0]
            if machine.serial in ready:
                pump_quietly(machine)
        else:
            ready = select.select([listener], [], [], 1)[0]
        if listener in ready:
            with listener.accept()[0] as peer:
                request = json.loads(peer.makefile().readline())
                answer = server.answer(request)
                if alive(owner):
                    peer.sendall(json.dumps(answer).encode())
    machine.kill()


def pump_quietly(machine):
    """a machine that ends between two requests is the next request's matter"""
    try:
        machine.pump(0)
    except GuestError:
        pass


def start(folder, owner, *argv):
    os.makedirs(folder, exist_ok=True)
    ready, report = os.pipe()
    if os.fork():
        os.close(report)
        with os.fdopen(ready) as f:
            said = f.read()
        sys.exit(f"guest.py: {said}" if said else 0)
    os.setsid()
    os.close(ready)
    try:
        machine = Machine(folder, argv)
    except (GuestError, OSError) as e:
        os.write(report, str(e).encode())
        os._exit(1)
    os.chdir(folder)    # the path of a socket may have 107 bytes only
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("control")
    listener.listen()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2, report):
        os.dup2(null, fd)
    serve(listener, machine, int(owner))


def ask(verb, folder, args):
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("control")
        s.sendall((json.dumps({"verb": verb, "args": args}) + "\n").encode())
        said = s.makefile().read()
    if not said:
        sys.exit("guest.py: the server is gone")
    answer = json.loads(said)
    sys.stdout.write(answer.get("out", ""))
    sys.stderr.write(answer.get("err", ""))
    sys.exit(answer.get("rc", 0))


def main():
    verbs = [line.split()[1] for line in __doc__.splitlines() if line.startswith("guest.py ")]
    if len(sys.argv) < 3 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    verb, folder, *args = sys.argv[1:]
    if verb == "start":
        start(folder, *args)
    elif verb == "screendump":
        ask(verb, folder, [os.path.abspath(args[0])])
    else:
        ask(verb, folder, args)


main()
