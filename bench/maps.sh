#!/usr/bin/env bash
# maps.sh - what a used-block map costs: volumes of 1 TiB (sparse files) with a million files
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [GIB=1024] [FILES=1000000] bench/maps.sh [KIND...]
# Target: less than 10 s of CPU and 64 MiB of memory each. The cache is cold. ext4, XFS and Btrfs are filled by this kernel, NTFS
# by its driver in user space. F2FS is filled by its own tool while it is small, for that counts all segments for each file, and then
# made larger by resize.f2fs. FAT32 and exFAT are written by fill-fat.py; -dirty is one that was not unmounted, where all folders are
# walked. What no kernel has filled must be sound for its own checker.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
requires python3 jq mke2fs mkfs.xfs mkfs.btrfs mkntfs mkfs.fat mkfs.exfat mkfs.f2fs sload.f2fs resize.f2fs fsck.f2fs fsck.exfat fsck.fat

gib=${GIB:-1024} files=${FILES:-1000000}
kinds=("$@")
[ $# -gt 0 ] || kinds=(ext4 xfs btrfs ntfs f2fs exfat exfat-dirty fat32 fat32-dirty)
own_mounts "$@"
work_dir bench-maps
cd "$WORK"
mkdir mnt

fill() { "$TOP/bench/fill-tree.py" "$1" "$files"; }

# fill it by a mount of this kernel
fill_mounted() {
	attach_loop vol 512
	mount "$LOOP" mnt
	fill mnt
	umount mnt
	detach_loop "$LOOP"
}

# room for all files, an inode of 4 KiB each, and not more
fill_f2fs() {
	mkdir tree
	fill tree
	truncate -s 0 vol
	truncate -s $(((files / 100000 + 2) * 1024))M vol
	mkfs.f2fs -f vol >/dev/null
	sload.f2fs -f tree vol >/dev/null
	rm -rf tree
	truncate -s "${gib}G" vol
	resize.f2fs vol >/dev/null
	fsck.f2fs --dry-run vol >fsck.log || fail "fsck.f2fs: $(tail -n 5 fsck.log)"
	! grep -F '[Fail]' fsck.log || fail 'fsck.f2fs finds errors'
}

# KIND [dirty]
fill_fat() {
	"$TOP/bench/fill-fat.py" vol "$files"
	"fsck.$1" -n vol >fsck.log || fail "fsck.$1: $(tail -n 5 fsck.log)"
	[ -z "${2:-}" ] || "$TOP/bench/fill-fat.py" vol dirty
}

# KIND: the file vol
make_volume() {
	case $1 in
	ext4) mke2fs -q -F -t ext4 -E lazy_itable_init=1 vol && fill_mounted ;;
	xfs) mkfs.xfs -q -f vol && fill_mounted ;;
	btrfs) mkfs.btrfs -q -f vol >/dev/null 2>&1 && fill_mounted ;;
	ntfs)
		mkntfs -q -F -f vol >/dev/null 2>&1
		ntfs_mount vol mnt rw
		fill mnt
		ntfs_umount mnt
		;;
	f2fs) fill_f2fs ;;
	exfat) mkfs.exfat vol >/dev/null && fill_fat exfat ;;
	exfat-dirty) mkfs.exfat vol >/dev/null && fill_fat exfat dirty ;;
	fat32) mkfs.fat -F 32 vol >/dev/null && fill_fat fat ;;
	fat32-dirty) mkfs.fat -F 32 vol >/dev/null && fill_fat fat dirty ;;
	*) fail "no such kind: $1" ;;
	esac
}

printf '%-11s %9s %9s %11s %8s %8s  %s\n' '' files extents 'used bytes' 'CPU s' MiB state
for kind in "${kinds[@]}"; do
	truncate -s "${gib}G" vol
	make_volume "$kind"
	read -r _ cpu rss < <("$TOP/bench/measure.py" "'$SALVOR' map vol --json >map.json" 2>log) || fail "$(cat log)"
	read -r used state < <(jq -r '.partitions[0] | "\(.used) \(.state)"' map.json)
	extents=$("$SALVOR" map vol --extents | wc -l)
	printf '%-11s %9d %9d %11d %8.2f %8d  %s\n' "$kind" "$files" "$extents" "$used" "$cpu" $((rss / 1024)) "$state"
	rm -f vol map.json
done
