#!/usr/bin/env bash
# boot-table.sh - print the boot times that tests/iso/boot.sh has noted
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: boot-table.sh FILE
set -eu -o pipefail
[ -s "$1" ] || exit 0
awk 'BEGIN { print "              kernel to prompt (s)   devices    power-on to prompt (CPU s)"
		print "way           live   bare  ratio     found (s)    live   bare  ratio" }
	{ printf "%-12s %5.1f  %5.1f  %5.2f     %9.1f   %5.1f  %5.1f  %5.2f\n", $1, $2, $3, $2 / $3, $4, $5, $6, $5 / $6 }' "$1"
