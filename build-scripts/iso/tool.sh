#!/usr/bin/env bash
# tool.sh - run a program of the unpacked packages, with their libraries
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: tool.sh /usr/bin/PROGRAM ARG...
. "$(dirname "$0")/lib.sh"
locked_tool "$@"
