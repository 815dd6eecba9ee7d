#!/usr/bin/env bash
# fat-full.sh - a store on the kernel's own FAT: full, then with space again; restored from there; read by stock tools
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir fat-full
. "$TOP/tests/lib/guest.sh"
requires mkfs.fat mcopy zstd

full_then_space() {
	note 'a FAT store is full, then there is space'
	guest_run 'dd if=/dev/zero of=/mnt/FAT/filler bs=1M count=30'
	expect_rc 7 guest_run 'salvor save --preset fast --no-verify --progress=none serial=SMALL /mnt/FAT/small'
	cat "$WORK/err"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail 'not one sentence'
	guest_run '[ ! -e /mnt/FAT/small ]' || fail 'there is an image, as if it were complete'
	guest_run 'rm /mnt/FAT/filler'
	expect_rc 0 guest_run 'salvor save --preset fast --resume --json serial=SMALL /mnt/FAT/small'
	expect_rc 0 guest_run 'salvor verify /mnt/FAT/small --against serial=SMALL'
	guest_run '[ -e /mnt/FAT/small/disk.img.zst ] && [ ! -e /mnt/FAT/small/disk.img.zst.000 ]' ||
		fail 'one volume has no plain name'
}

restore_from_fat() {
	note 'restored from FAT; read from FAT by stock tools'
	expect_rc 0 guest_run 'salvor restore /mnt/FAT/small serial=TARGET --confirm-erase TARGET; umount /mnt/FAT'
	cmp "$WORK/small.img" "$WORK/target.img" || fail 'the target differs'
	mcopy -n -i "$WORK/fat.img" ::small/disk.img.zst - | zstd -dc | cmp - "$WORK/small.img" ||
		fail 'zstd gives something else'
}

# no table, and data that do not compress
head -c $((48 * MIB)) /dev/urandom >"$WORK/small.img"
poison "$WORK/target.img" $((48 * MIB))
truncate -s 64M "$WORK/fat.img"
mkfs.fat -F 32 -s 1 "$WORK/fat.img" >/dev/null

guest_new
guest_disk SMALL "$WORK/small.img"
guest_disk TARGET "$WORK/target.img"
guest_disk FAT "$WORK/fat.img"
guest_boot -smp 1
guest_mount FAT vfat
full_then_space
restore_from_fat
guest_kill
