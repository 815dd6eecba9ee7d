#!/usr/bin/env bash
# fat-4g.sh - an image of more than 4 GiB on FAT32 is kept in volumes of 4 GiB - 1 MiB, unasked
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Ten minutes of emulation: not part of `make check`.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir fat-4g
. "$TOP/tests/lib/guest.sh"
requires mkfs.fat mcopy zstd

SIZE=$((4200 * MIB))
BUDGET=3600

# FILE: a disk without a table whose data do not compress: 64 MiB of noise over and over, each copy with its number
make_source() {
	local i
	head -c $((64 * MIB)) /dev/urandom >"$WORK/noise"
	for ((i = 0; i < SIZE; i += 64 * MIB)); do
		dd if="$WORK/noise" of="$1" bs=1M oflag=seek_bytes seek="$i" conv=notrunc status=none
		printf '%012d' "$i" | dd of="$1" bs=512 oflag=seek_bytes seek="$i" conv=notrunc status=none
	done
	truncate -s "$SIZE" "$1"
}

make_source "$WORK/source.img"
truncate -s 6G "$WORK/fat.img"
mkfs.fat -F 32 "$WORK/fat.img" >/dev/null
truncate -s "$SIZE" "$WORK/target.img"

guest_new
guest_disk SOURCE "$WORK/source.img"
guest_disk FAT "$WORK/fat.img"
guest_disk TARGET "$WORK/target.img"
guest_boot -smp 2
guest_mount FAT vfat

note 'the kernel itself refuses a longer file'
expect_rc 1 guest_run 'dd if=/dev/zero of=/mnt/FAT/long bs=1 count=1 seek=4294967295'
guest_run 'rm -f /mnt/FAT/long'

note 'saved and verified'
expect_rc 0 guest_run 'salvor save --preset fast serial=SOURCE /mnt/FAT/image' $BUDGET
cat "$WORK/out"
expect_rc 0 guest_run 'cd /mnt/FAT/image && stat -c "%s %n" disk.img.zst*'
cat "$WORK/out"
grep -qxF '4293918720 disk.img.zst.000' "$WORK/out" || fail 'the first volume has not 4 GiB - 1 MiB'
[ "$(wc -l <"$WORK/out")" -eq 2 ] || fail 'not two volumes'

note 'restored'
expect_rc 0 guest_run 'salvor restore --no-verify /mnt/FAT/image serial=TARGET --confirm-erase TARGET; umount /mnt/FAT' $BUDGET
guest_kill
cmp "$WORK/source.img" "$WORK/target.img" || fail 'the target differs'

note 'read from FAT by stock tools'
for n in 0 1; do mcopy -n -i "$WORK/fat.img" "::image/disk.img.zst.00$n" -; done |
	zstd -dc | cmp - "$WORK/source.img" || fail 'zstd gives something else'
