#!/usr/bin/env bash
# unplugged.sh - stores, sources and targets that are pulled out, or turn read-only, in the middle of a job
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: unplugged.sh
# USB disks of a virtual machine, on Debian's kernel: what a page cache, a journal and a lost device answer
# together is not shown by any injected fault.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir unplugged
. "$TOP/tests/lib/guest.sh"
requires mke2fs mkfs.fat sfdisk

SIZE=$((96 * MIB))
# slow enough for several checkpoints (every five seconds) before the plug is pulled
PACE=$((5 * MIB))

# FILE: a disk with a table and data that do not compress
make_source() {
	head -c "$SIZE" /dev/urandom >"$1"
	dd if=/dev/zero of="$1" bs=1M count=1 conv=notrunc status=none
	printf 'label: gpt\nstart=2048, size=100000\n' | write_table "$1" 512
}

# the last expect_rc must have said one sentence that names this
one_sentence() {
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || {
		cat "$WORK/err" >&2
		fail 'not one sentence'
	}
	expect_said "$1"
}

# IMAGE: begin a slow save, and wait until a second checkpoint stands
begin_save() {
	guest_slow SOURCE "$PACE"
	guest_begin "salvor save --progress=none --no-verify --preset fast serial=SOURCE $1"
	guest_until "[ -s $1.part/disk.idx ]"
	local first
	first=$(guest_run "stat -c %s $1.part/disk.idx")
	guest_until "[ \$(stat -c %s $1.part/disk.idx) -gt $first ]"
}

# IMAGE: it goes on from where it was, and is whole
resume_save() {
	guest_slow SOURCE 0
	expect_rc 0 guest_run "salvor save --json --resume --preset fast serial=SOURCE $1"
	local from
	from=$(jq -r 'select(.type == "start") | .resumed_from // 0' "$WORK/out")
	note "resumed from $from of $SIZE"
	[ "$from" -gt 0 ] || fail 'started afresh'
	expect_rc 0 guest_run "salvor verify $1 --against serial=SOURCE"
	guest_run "rm -r $1"
}

# ID TYPE: a store is pulled out of a save, put in again
store_unplugged() {
	note "the store ($2) is pulled out"
	guest_mount "$1" "$2"
	begin_save "/mnt/$1/image"
	guest_unplug "$1"
	expect_rc 8 guest_finish
	one_sentence 'cannot write disk.i'
	guest_run "umount -l /mnt/$1"
	guest_plug "$1"
	guest_mount "$1" "$2"
	guest_run "[ ! -e /mnt/$1/image ]" || fail 'there is an image, as if it were complete'
	resume_save "/mnt/$1/image"
	guest_run "umount /mnt/$1"
}

# ID TYPE COMMAND: a store turns read-only in the middle of a save. FAT takes writes to open files even then, and
# refuses only what concerns names
store_read_only() {
	note "the store ($2) turns read-only: $3"
	guest_mount "$1" "$2"
	begin_save "/mnt/$1/image"
	guest_run "$3"
	expect_rc 8 guest_finish
	one_sentence 'cannot '
	guest_run "umount /mnt/$1"
	guest_mount "$1" "$2"
	resume_save "/mnt/$1/image"
	guest_run "umount /mnt/$1"
}

source_unplugged() {
	note 'the source is pulled out'
	guest_mount EXT ext4
	begin_save /mnt/EXT/image
	guest_unplug SOURCE
	expect_rc 9 guest_finish
	one_sentence 'does not answer any more'
	guest_run '[ ! -e /mnt/EXT/image ]' || fail 'there is an image, as if it were complete'
	guest_plug SOURCE
	guest_run 'disk SOURCE' >/dev/null
	resume_save /mnt/EXT/image
	guest_run 'umount /mnt/EXT'
}

# FILE: its first and last MiB hold nothing that could pass for a table
no_table() {
	local part
	for part in "head -c $MIB" "tail -c $MIB"; do
		$part "$1" | cmp -s - <(head -c "$MIB" /dev/zero) || fail "$part of the target is not zero"
	done
}

target_unplugged() {
	note 'the target is pulled out'
	guest_mount EXT ext4
	guest_run 'salvor save --progress=none --no-verify --preset fast serial=SOURCE /mnt/EXT/image'
	guest_slow TARGET "$PACE"
	guest_begin 'salvor restore --progress=none /mnt/EXT/image serial=TARGET --confirm-erase TARGET'
	guest_until "[ \$(awk '{ print \$7 }' /sys/block/\$(basename \$(disk TARGET))/stat) -gt 40000 ]"
	guest_unplug TARGET
	expect_rc 10 guest_finish
	one_sentence 'No such device'
	no_table "$WORK/target.img"
	guest_plug TARGET
	guest_run 'disk TARGET' >/dev/null
	expect_rc 0 guest_run 'salvor restore --progress=none /mnt/EXT/image serial=TARGET --confirm-erase TARGET'
	guest_run 'umount /mnt/EXT; sync'
	cmp "$WORK/source.img" "$WORK/target.img" || fail 'restored again, the target differs'
}

make_source "$WORK/source.img"
before=$(sha "$WORK/source.img")
poison "$WORK/target.img" "$SIZE"
truncate -s 256M "$WORK/ext.img" "$WORK/fat.img"
mke2fs -q -F -t ext4 "$WORK/ext.img"
mkfs.fat -F 32 "$WORK/fat.img" >/dev/null

guest_new
guest_usb_disk SOURCE "$WORK/source.img"
guest_usb_disk TARGET "$WORK/target.img"
guest_usb_disk EXT "$WORK/ext.img"
guest_usb_disk FAT "$WORK/fat.img"
guest_boot -smp 1
store_unplugged EXT ext4
store_unplugged FAT vfat
store_read_only EXT ext4 'mount -o remount,abort /mnt/EXT'
store_read_only FAT vfat 'echo u >/proc/sysrq-trigger'
source_unplugged
target_unplugged
guest_kill
unchanged "$WORK/source.img" "$before"
