#!/bin/sh
# disk.sh - path of the disk with a serial number, waiting some time until it is there
# SPDX-License-Identifier: GPL-3.0-or-later
tries=0
while :; do
	disks=$(salvor disks --json) || exit 1
	path=$(echo "$disks" | tr '{' '\n' | sed -n "s/^\"path\":\"\([^\"]*\)\".*\"serial\":\"$1\".*/\1/p")
	[ -z "$path" ] || break
	tries=$((tries + 1))
	[ "$tries" -lt 120 ] || {
		echo "there is no disk $1" >&2
		exit 1
	}
	sleep 0.5
done
echo "$path"
