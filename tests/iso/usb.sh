#!/usr/bin/env bash
# usb.sh - writing a stick: everything that must be refused, and a stick that holds the ISO and an exFAT partition
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
cd "$(dirname "$0")/../.."
. tests/lib/functions.sh
requires jq
requires_loop
work_dir usb

iso=$(echo "$TOP/${BUILD:-build}"/salvor-*-amd64.iso)
[ -e "$iso" ] || fail 'the ISO is not built'
usb=$TOP/build-scripts/iso/usb.sh
# larger by some MiB than all other loop devices, so that the size is an ID of its own
size=$((300 * MIB + RANDOM * 4096))

# ID ID: run usb.sh on the stick with CONFIRM and FORCE
write_stick() { CONFIRM=$1 FORCE=$2 "$usb" "$iso" "$stick"; }

# WORDS ID ID: must be refused, in these words, with nothing written
must_refuse() {
	expect_rc 6 write_stick "$2" "$3"
	expect_said "$1"
	[ "$(sha "$WORK/stick")" = "$before" ] || fail "refused ($1), but something was written"
}

# in_stick N: attach what partition N of the stick holds; in LOOP
in_stick() {
	local start sectors
	read -r start sectors < <(sfdisk -q --json "$WORK/stick" | jq -r --argjson n "$1" '.partitiontable.partitions[$n - 1] | "\(.start) \(.size)"')
	attach_loop "$WORK/stick" 512 -r --offset $((start * 512)) --sizelimit $((sectors * 512))
}

refusals() {
	note 'refusals'
	before=$(sha "$WORK/stick")
	must_refuse 'not removable' "$size" ''
	must_refuse 'CONFIRM=' '' "$size"
	must_refuse 'CONFIRM=' "${size}0" "$size"
	blockdev --setro "$stick"
	must_refuse 'write-protected' "$size" "$size"
	blockdev --setrw "$stick"
	expect_rc 1 env CONFIRM="$size" FORCE="$size" "$usb" "$iso" "$WORK/stick"
	expect_said 'no block device'
}

mounted_is_refused() {
	note 'a mounted stick'
	mkfs.ext4 -q -F "$stick"
	mkdir "$WORK/mnt"
	mount "$stick" "$WORK/mnt"
	sync
	expect_rc 6 write_stick "$size" "$size"
	expect_said 'mounted'
	[ -d "$WORK/mnt/lost+found" ] || fail 'the mounted filesystem is gone'
	umount "$WORK/mnt"
}

writes_iso() {
	note 'the stick is written'
	write_stick "$size" "$size"
	blockdev --flushbufs "$stick"
	# all of it but the partition table is the ISO
	cmp -i $((1 * MIB)) -n $(($(stat -c %s "$iso") - 2 * MIB)) "$iso" "$WORK/stick" || fail 'the stick is not the ISO'
	cmp -n 440 "$iso" "$WORK/stick" || fail 'the code in the MBR is not that of the ISO'
	sgdisk -v "$WORK/stick" | has 'No problems found' || fail 'the GPT of the stick is not sound'
	in_stick 2
	mdir -b -i "$LOOP" ::/EFI/BOOT | has BOOTX64.EFI || fail 'the EFI partition is not readable'
	detach_loop "$LOOP"
}

has_data_partition() {
	note 'the data partition'
	in_stick 3
	[ "$(blkid -p -o value -s TYPE "$LOOP") $(blkid -p -o value -s LABEL "$LOOP")" = 'exfat SALVOR_DATA' ] ||
		fail "the data partition is $(blkid -p "$LOOP")"
	[ "$(blockdev --getsize64 "$LOOP")" -gt $((150 * MIB)) ] || fail 'the data partition does not take the rest of the stick'
	detach_loop "$LOOP"
}

poison "$WORK/stick" "$size"
attach_loop "$WORK/stick" 512
stick=$LOOP
refusals
mounted_is_refused
writes_iso
has_data_partition
detach_loop "$stick"
