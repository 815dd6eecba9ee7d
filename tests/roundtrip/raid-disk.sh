#!/usr/bin/env bash
# raid-disk.sh - disks that are in a RAID or a pool as a whole, or by a partition at their end; tables on them that are older or the array's
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires jq mke2fs sfdisk python3
work_dir raid-disk

disk=$WORK/disk.img size=$((64 * MIB))
start=$MIB part=$((63 * MIB))

# an MBR with one partition up to the end, an ext4 in it
make_disk() {
	rm -f "$disk"
	truncate -s "$size" "$disk"
	printf '%s\n' 'label: dos' 'start=1MiB, type=83' | write_table "$disk" 512
	rm -f "$WORK/fs.img"
	truncate -s 48M "$WORK/fs.img"
	mke2fs -q -t ext4 "$WORK/fs.img"
	put_in "$WORK/fs.img" "$disk" "$start"
}

# STATE PATTERN: of partition 1, and the disk's used bytes when all must be read
expect_map() {
	expect_rc 0 salvor map --json "$disk"
	jq -r '.partitions[] | select(.number == 1) | "\(.fs) \(.state) \(.reason)"' "$WORK/out" >"$WORK/state"
	grep -q "^[a-z0-9_]* $1 $2" "$WORK/state" || fail "$(cat "$WORK/state")"
	[ "$1" != whole ] || [ "$(jq .used "$WORK/out")" -eq "$size" ] || fail 'not all of the disk would be read'
	[ "$1" = whole ] || [ "$(jq .used "$WORK/out")" -lt $((size / 2)) ] || fail 'free space would be read'
}

note 'no RAID at all'
make_disk
expect_map exact ''

note 'mdadm --create on a disk with partitions: the table stays, and is no longer true'
for version in 1.2 1.0 0.90; do
	make_disk
	data=0 room=$((60 * MIB))
	[ $version != 1.2 ] || data=$((2 * MIB))
	# this one does not say where it stands; that of a whole disk is larger than every partition
	[ $version != 0.90 ] || room=$((size - 65536))
	"$TOP/tests/lib/mdraid.py" "$disk" $version $data $room $room
	expect_map whole 'the disk as a whole is used by Linux RAID'
done

note 'a firmware RAID'
make_disk
printf 'Intel Raid ISM Cfg Sig. 1.1.00' | dd of="$disk" bs=1 seek=$((size - 1024)) conv=notrunc status=none
expect_map whole 'the disk as a whole is used by Intel firmware RAID (IMSM)'

note 'a pool and a cache; what the table in front of them shows is older'
make_disk
"$TOP/tests/lib/signature.py" "$disk" zfs_member
expect_map whole 'the disk as a whole is used by ZFS'
make_disk
"$TOP/tests/lib/signature.py" "$disk" bcache
expect_map whole 'the disk as a whole is used by bcache'

note 'DRBD ends the disk, and then a partition that reaches to its end'
make_disk
printf '%s\n' 'label: dos' "start=1MiB, size=62MiB, type=83" | write_table "$disk" 512
"$TOP/tests/lib/signature.py" "$disk" drbd
expect_map whole 'the disk as a whole is used by DRBD'
make_disk
"$TOP/tests/lib/signature.py" "$disk" drbd
expect_rc 0 salvor map --json "$disk"
[ "$(jq -r '.partitions[0] | "\(.fs) \(.state) \(.reason)"' "$WORK/out")" = \
	'drbd whole Salvor has no map of DRBD: everything is read' ] || fail 'DRBD in a partition'

note 'the last partition is in a RAID: its superblock is where one of the disk would be'
make_disk
truncate -s "$part" "$WORK/part.img"
put_in "$WORK/fs.img" "$WORK/part.img" 0
"$TOP/tests/lib/mdraid.py" "$WORK/part.img" 0.90 0 $((48 * MIB)) 0
put_in "$WORK/part.img" "$disk" "$start"
expect_map exact ''
[ "$(jq -r '.partitions[0].inside' "$WORK/out")" = 'RAID1 member 1 of 2, metadata 0.90: ext4 inside' ] || fail 'what is inside'
