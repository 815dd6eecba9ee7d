#!/usr/bin/env bash
# aged.sh - filesystems that a Linux has written to for long: many writes, deletes, snapshots and balances; restored and read again
# SPDX-License-Identifier: GPL-3.0-or-later
#
# All are written by one machine (Debian's kernel), unmounted, compared with what the filesystem's own tools call free, saved,
# restored with --free keep to files full of 0xA5, checked, and read by another machine.
# usage: aged.sh [short]     short: Btrfs with its defaults and exFAT, fewer rounds
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir aged
. "$TOP/tests/lib/guest.sh"
requires mkfs.btrfs btrfs mkfs.exfat fsck.exfat mkfs.xfs xfs_db mke2fs dumpe2fs mkfs.fat fsck.fat blkls fsstat

# MiB and kind; Z: everything that is not the default
declare -A MIBS=([BTRFS]=500 [BTRFS-Z]=400 [EXFAT]=60 [XFS]=320 [EXT4]=120 [EXT3]=100 [FAT32]=80 [FAT16]=40)
declare -A KIND=([BTRFS]=btrfs [BTRFS-Z]=btrfs [EXFAT]=exfat [XFS]=xfs [EXT4]=ext4 [EXT3]=ext3 [FAT32]=fat32 [FAT16]=fat16)
names=(BTRFS BTRFS-Z EXFAT XFS EXT4 EXT3 FAT32 FAT16)
rounds=12
if [ "${1:-}" = short ]; then
	names=(BTRFS EXFAT)
	rounds=8
fi

# a round: files of all sizes come, others are changed in their middle, grow, get other names, and half of the older ones go
# shellcheck disable=SC2016 # for the guest's shell
AGE='age() { mkdir $1
	for i in $(seq 25); do head -c $(((i * i * 719 + $1 * 7919) % 300000 + i)) /dev/urandom >$1/$i; done
	[ $1 -gt 1 ] || return 0
	for i in 3 9 20; do head -c 9000 /dev/urandom | dd of=$(($1 - 1))/$i bs=4k seek=2 conv=notrunc 2>/dev/null; done
	for i in 4 12; do head -c 50000 /dev/urandom >>$(($1 - 1))/$i; done
	mv $(($1 - 1))/6 $1/came; rm -f $(($1 - 1))/*[13579]
	[ $1 -le 3 ] || rm -rf $(($1 - 3)); }'
# snapshots keep what is deleted, go one by one, the last one just before the end; groups are moved
# shellcheck disable=SC2016
BTRFS_TOO='btrfs_too() { [ $(($1 % 2)) -eq 1 ] || btrfs -q subvolume snapshot $([ $(($1 % 4)) -ne 0 ] || echo -r) . snap$1 || return 1
	[ ! -e snap$(($1 - 4)) ] || btrfs -q subvolume delete snap$(($1 - 4)) >/dev/null || return 1
	[ $(($1 % 3)) -ne 0 ] || rm -f snap$(($1 - 1))/$(($1 - 1))/1* 2>/dev/null
	[ $(($1 % 5)) -ne 0 ] || btrfs -q balance start -dusage=80 -musage=60 . >/dev/null; }'

# NAME FILE
make_volume() {
	local opts=()
	truncate -s "${MIBS[$1]}M" "$2"
	case $1 in
	BTRFS) mkfs.btrfs -q "$2" ;;
	BTRFS-Z) mkfs.btrfs -q -n 4096 -m single -R free-space-tree -O ^no-holes "$2" ;;
	EXFAT) mkfs.exfat -c 4096 "$2" ;;
	XFS) mkfs.xfs -q "$2" ;;
	EXT[34])
		[ "$1" = EXT3 ] || opts=(-O 'inline_data,bigalloc' -C 16384)
		mke2fs -q -F -t "${KIND[$1]}" "${opts[@]}" "$2"
		;;
	FAT*) mkfs.fat -F "${1#FAT}" -s 2 "$2" ;; # 65525 clusters make it a FAT32 for everybody
	esac >"$WORK/mkfs.out" 2>&1 || fail "$1 cannot be made: $(cat "$WORK/mkfs.out")"
}

# NAME DISK MORE: mount options go with the name
mount_in_guest() {
	local type=${KIND[$1]} how=noatime
	[[ $type != fat* ]] || type=vfat
	[ "$1" != BTRFS-Z ] || how+=,compress=zstd
	guest_run "mkdir -p /mnt/$2; mount -t $type -o $how$3 \$(disk $2) /mnt/$2"
}

# DISK: the sums of all files there, snapshots too
sums() { guest_run "cd /mnt/$1 && find . -type f | sort | xargs sha256sum"; }

age() {
	local name
	guest_new
	for name in "${names[@]}"; do
		make_volume "$name" "$WORK/$name"
		guest_disk "$name" "$WORK/$name"
	done
	guest_boot -smp 1
	for name in "${names[@]}"; do
		note "$name: $rounds rounds"
		mount_in_guest "$name" "$name" ''
		guest_run "$AGE
			$BTRFS_TOO
			cd /mnt/$name && for round in \$(seq $rounds); do age \$round || exit 1
			[ ${KIND[$name]} != btrfs ] || btrfs_too \$round || exit 1
			sync -f . 2>/dev/null || sync; done"
		sums "$name" >"$WORK/$name.sums"
		guest_run "umount /mnt/$name"
	done
	guest_kill
}

# NAME: the map is what its own tools say; saved and restored onto 0xA5, and sound
through_salvor() {
	local size state
	size=$(stat -c %s "$WORK/$1")
	check_fs "${KIND[$1]}" "$WORK/$1"
	salvor map --json "$WORK/$1" >"$WORK/map.json"
	state=$(jq -r '.partitions[0].state' "$WORK/map.json")
	[ "$state" = exact ] || fail "$1 is $state: $(jq -r '.partitions[0].reason' "$WORK/map.json")"
	salvor map --extents "$WORK/$1" >"$WORK/extents"
	free_extents "${KIND[$1]}" "$WORK/$1" "$WORK/free"
	printf '0 %d %s\n' "$size" "$WORK/free" >"$WORK/parts"
	"$ORACLE" used "$size" "$WORK/parts" >"$WORK/used"
	cmp "$WORK/used" "$WORK/extents" || fail "$1: the map is not that of its own tools: $(diff "$WORK/used" "$WORK/extents" | head)"
	expect_rc 0 salvor save --preset fast "$WORK/$1" "$WORK/image"
	poison "$WORK/$1.mine" "$size"
	expect_rc 0 salvor restore --free keep --confirm-erase "$size" "$WORK/image" "$WORK/$1.mine"
	rm -rf -- "${WORK:?}/image"
	"$ORACLE" compare "$WORK/$1" "$WORK/$1.mine" "$WORK/used" || fail "$1: bytes differ"
	check_fs "${KIND[$1]}" "$WORK/$1.mine"
	rm "$WORK/$1"
	rows+=("$1 | $(wc -l <"$WORK/used") ranges, $(awk '{ n += $2 } END { print int(n / 1024) }' "$WORK/used") of $((size / 1024)) KiB | $(wc -l <"$WORK/$1.sums") files")
}

rows=()
age
for name in "${names[@]}"; do
	note "$name: through salvor"
	through_salvor "$name"
done
note 'read by another machine'
guest_new
for name in "${names[@]}"; do
	guest_disk "$name-MINE" "$WORK/$name.mine"
done
guest_boot -smp 1
for name in "${names[@]}"; do
	mount_in_guest "$name" "$name-MINE" ,ro
	sums "$name-MINE" >"$WORK/now.sums"
	cmp "$WORK/$name.sums" "$WORK/now.sums" || fail "$name: other files came back: $(diff "$WORK/$name.sums" "$WORK/now.sums" | head)"
	[ "$(wc -l <"$WORK/$name.sums")" -gt 40 ] || fail "$name: too few files: the test is blunt"
	guest_run "umount /mnt/$name-MINE"
done
guest_kill
printf '%s\n' '' "${rows[@]}"
