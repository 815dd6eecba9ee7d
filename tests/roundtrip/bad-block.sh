#!/usr/bin/env bash
# bad-block.sh - a source with an unreadable block: stop by default, exit 3 and a bad run with --on-error skip
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The unreadable block is real: the disk is a file on Btrfs, and one of its data blocks is damaged
# underneath, so that the kernel answers EIO for it and reads everything around it.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires mkfs.btrfs
requires_loop
work_dir bad-block

good=$WORK/good.img disk=$WORK/mnt/disk.img
make_small_disk "$good"
size=$(stat -c %s "$good")

# the middle of a file in partition 2, which is nowhere else on the disk
head -c 8256 "$WORK/unique" | tail -c 64 >"$WORK/marker"
at=$(($("$ORACLE" find "$good" "$WORK/marker") / 4096 * 4096))

truncate -s 400M "$WORK/btrfs.img"
mkfs.btrfs -q -m single -d single "$WORK/btrfs.img" >/dev/null
mkdir "$WORK/mnt"
mount_btrfs() {
	attach_loop "$WORK/btrfs.img" 512
	mount -t btrfs "$1" "$LOOP" "$WORK/mnt" 2>/dev/null || skip 'this kernel does not mount Btrfs'
}
umount_btrfs() {
	umount "$WORK/mnt"
	detach_loop "$LOOP"
}
mount_btrfs -orw
cp --sparse=always "$good" "$disk"
umount_btrfs
"$ORACLE" flip "$WORK/btrfs.img" "$("$ORACLE" find "$WORK/btrfs.img" "$WORK/marker")"
mount_btrfs -oro
! dd if="$disk" of=/dev/null bs=4096 skip=$((at / 4096)) count=1 status=none 2>/dev/null ||
	skip 'the damaged block can still be read here'

note 'stop: the source failed, and no image is called complete'
expect_rc 9 salvor save --preset fast "$disk" "$WORK/stopped"
[ ! -e "$WORK/stopped" ] || fail 'a failed save left an image with its final name'

note 'skip: 3, and the area is known as bad'
expect_rc 3 salvor save --preset fast --on-error skip "$disk" "$WORK/image"
expect_rc 0 salvor show --json "$WORK/image"
grep -q '"bad' "$WORK/out" || fail 'show does not tell about the bad area'
expect_rc 3 salvor verify "$WORK/image"

note 'restore: 3 as well; zeros there, everything else as in the source'
poison "$WORK/target.img" "$size"
expect_rc 3 salvor restore --confirm-erase "$size" "$WORK/image" "$WORK/target.img"
cp "$good" "$WORK/want.img"
bytes=$("$ORACLE" zerorun "$WORK/target.img" "$at" "$good")
if [ "$bytes" -lt 4096 ] || [ "$bytes" -gt 65536 ]; then
	fail "$bytes bytes were given up for a block of 4096"
fi
dd if=/dev/zero of="$WORK/want.img" bs=1 seek="$at" count="$bytes" conv=notrunc status=none
"$ORACLE" compare "$WORK/want.img" "$WORK/target.img" "$WORK/used"
umount_btrfs
