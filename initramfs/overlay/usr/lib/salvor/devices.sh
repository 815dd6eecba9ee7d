#!/bin/sh
# devices.sh - drivers for what is there (coldplug) and for what is plugged in later (hotplug)
# SPDX-License-Identifier: GPL-3.0-or-later
: "${root?}" "${run?}"

# the kernel's names for devices that look for a driver, sorted, one a line
modaliases() {
	{
		find "$root/sys/devices" -name modalias -exec cat {} +
		# memory cards have none but tell theirs here
		sed -n 's/^MODALIAS=//p' "$root"/sys/bus/mmc/devices/*/uevent
	} 2>/dev/null | LC_ALL=C sort -u
}

# FILE: load what knows these names; twenty at a time, as each call reads the tables of all modules
load_aliases() {
	while IFS= read -r alias; do
		set -- "$@" "$alias"
		[ $# -lt 20 ] || {
			modprobe -abq -- "$@"
			set --
		}
	done
	[ $# -eq 0 ] || modprobe -abq -- "$@"
}

# buses appear as drivers are loaded, so again and again until nothing new was found; ten rounds are plenty
coldplug() {
	for round in 1 2 3 4 5 6 7 8 9 10; do
		modaliases >"$run/aliases.now"
		awk 'FILENAME == ARGV[1] { old[$0] = 1; next } !($0 in old)' \
			"$run/aliases" "$run/aliases.now" >"$run/aliases.new"
		[ -s "$run/aliases.new" ] || return 0
		load_aliases <"$run/aliases.new"
		mv "$run/aliases.now" "$run/aliases"
	done
	note "the search for devices was ended after $round rounds."
}

# DISK: with salvor.nowrite the kernel refuses writes to it and its partitions: a guard, not a wall.
# Disks in memory (loop, ram, zram) stay as they are
guard_disk() {
	nowrite || return 0
	case $1 in
	loop* | ram* | zram*) ;;
	*) blockdev --setro "$root/dev/$1" ;;
	esac
}

# DISK: one that appeared
new_disk() {
	guard_disk "$1"
	see_medium "$1"
}

all_disks() {
	for disk in "$root"/sys/block/*; do
		[ ! -e "$disk" ] || new_disk "${disk##*/}"
	done
}

# listen first, look once more then: nothing that appears in between is missed
follow_devices() {
	: >"$run/aliases"
	coldplug
	uevent /usr/lib/salvor/hotplug.sh &
	sleep 0.3
	coldplug
	all_disks
	start_network
	set_keymap
	set_font
	: >"$run/ready"
	echo 'salvor: devices ready' >"$root/dev/kmsg"
	wait
}
