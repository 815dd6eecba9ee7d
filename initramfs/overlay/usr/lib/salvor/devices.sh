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

# NAME...: load what knows these names, by the modprobe of kmod, which the shell would pass over for its own
load_modules() { "$root/usr/sbin/modprobe" -abq -- "$@"; }

# the same for names on stdin, one a line; several calls side by side, as most drivers wait for their hardware
load_aliases() (
	while IFS= read -r alias; do
		set -- "$@" "$alias"
		[ $# -lt 10 ] || {
			load_modules "$@" &
			set --
		}
	done
	[ $# -eq 0 ] || load_modules "$@"
	wait
)

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

# a disk on USB says what it is a second after its driver has taken it, on purpose
usb_disk_to_come() {
	for disk in "$root"/sys/bus/usb/drivers/usb-storage/*:*; do
		set -- "$disk"/host*/target*
		[ ! -e "$disk" ] || [ -e "$1" ] || return 0
	done
	return 1
}

settle_usb() {
	for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		usb_disk_to_come || return 0
		sleep 0.2
	done
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

# tell those that wait in wait_for_devices
say_ready() {
	: >"$run/ready"
	echo 'salvor: devices ready' >"$root/dev/kmsg"
	for pipe in "$run"/waiting.*; do
		[ ! -p "$pipe" ] || echo ready 1<>"$pipe"
	done
}

# listen first, look once more then: nothing that appears in between is missed
follow_devices() {
	: >"$run/aliases"
	coldplug
	uevent /usr/lib/salvor/hotplug.sh &
	all_disks
	start_network
	set_keymap
	set_font
	settle_usb
	coldplug
	all_disks
	say_ready
	follow_buttons
	wait
}

# the button of the machine: /etc/acpi says what follows
follow_buttons() { acpid -l /dev/null -p "$run/acpid.pid"; }
