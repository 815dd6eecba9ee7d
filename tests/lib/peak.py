#!/usr/bin/env python3
# peak.py - run a command and say how much memory it held at most
# SPDX-License-Identifier: GPL-3.0-or-later
"""peak.py FILE COMMAND [ARG...]      writes the peak resident memory in KiB to FILE; exits as the command did"""
import os
import sys

pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as f:
    f.write(f"{usage.ru_maxrss}\n")
sys.exit(os.waitstatus_to_exitcode(status))
