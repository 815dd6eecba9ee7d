#!/usr/bin/env bash
# medium.sh - the check of the medium: which disks are looked at, and that damage is named
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2016 # in quotes is code for the shell under test
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/lib.sh"

# NODE LABEL: a disk with an ISO 9660 filesystem
iso_disk() {
	mkdir -p "$ROOT/sys/block/$1"
	{
		head -c 32768 /dev/zero
		printf '\001CD001\001\000%-32s%-32s' '' "$2"
		head -c 1976 /dev/zero
	} >"$ROOT/dev/$1"
}

# what a medium holds when it is mounted; the fake of mount copies it
medium() {
	rm -rf -- "$WORK/medium"
	mkdir -p "$WORK/medium/.disk" "$WORK/medium/boot"
	: >"$WORK/medium/.disk/$1"
	echo kernel >"$WORK/medium/boot/vmlinuz"
	echo initrd >"$WORK/medium/boot/initrd"
	(cd "$WORK/medium" && sha256sum ./boot/* >SHA256SUMS)
}

check() { in_shell 'mount() { echo "mount $*" >>"$CALLS"; cp -a '"$WORK"'/medium/. "$run/medium/mnt/"; }
umount() { echo "umount $*" >>"$CALLS"; rm -rf "$run/medium/mnt"; mkdir "$run/medium/mnt"; }
check_medium salvor-1-aa'; }

said() { grep -qF "$1" "$WORK/out" || fail "$SHELL_UNDER_TEST: did not say '$1' but: $(cat "$WORK/out")"; }

whole() {
	iso_disk sda SALVOR
	medium salvor-1-aa
	check
	said 'is whole'
	calls_are 'mount -t iso9660 -o ro,nosuid,nodev,noexec @/dev/sda @/run/salvor/medium/mnt
umount @/run/salvor/medium/mnt'
}

damaged() {
	iso_disk sr0 SALVOR
	medium salvor-1-aa
	echo other >"$WORK/medium/boot/initrd"
	check
	said 'DAMAGED'
	said './boot/initrd'
	! grep -q vmlinuz "$WORK/out" || fail 'a whole file is called damaged'
}

lost_file() {
	iso_disk sda SALVOR
	medium salvor-1-aa
	rm "$WORK/medium/boot/vmlinuz"
	check
	said 'DAMAGED'
	said './boot/vmlinuz'
}

# the disks of the machine are none of our business
others_are_left_alone() {
	iso_disk sda DEBIAN
	iso_disk sdb SALVOR_OLD
	mkdir "$ROOT/sys/block/sdc"
	printf 'no filesystem' >"$ROOT/dev/sdc"
	check
	said 'not found'
	calls_are ''
}

other_version() {
	iso_disk sda SALVOR
	medium salvor-1-bb
	check
	said 'not found'
}

# NAME FILE: a loop device over a file
loop_over() {
	mkdir -p "$ROOT/sys/block/$1/loop"
	printf '%s\n' "$2" >"$ROOT/sys/block/$1/loop/backing_file"
}

own_squashfs() {
	mkdir -p "$ROOT/sys/block/loop0"
	loop_over loop1 /mnt/live.sqfs
	in_shell see_live_system
	[ ! -e "$ROOT/run/salvor/live-system" ] || fail 'takes a file of somebody for the live system'
	loop_over loop2 '/live.sqfs (deleted)'
	in_shell see_live_system
	is run/salvor/live-system loop2
}

run_cases own_squashfs whole damaged lost_file others_are_left_alone other_version
