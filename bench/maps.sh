#!/usr/bin/env bash
# maps.sh - what a used-block map costs: volumes of 1 TiB (sparse files) with a million files
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [GIB=1024] [FILES=1000000] bench/maps.sh [KIND...]
# Target: less than 10 s of CPU and 64 MiB of memory each. The cache is cold. ext4, XFS and Btrfs are filled by this kernel, NTFS
# by its driver in user space, F2FS by its own tool, where that can be done here; the others hold no files: their maps are read from
# a table or bitmap of a size that files do not change.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
requires python3 jq mke2fs mkfs.xfs mkfs.btrfs mkntfs mkfs.fat mkfs.exfat mkfs.f2fs sload.f2fs

gib=${GIB:-1024} files=${FILES:-1000000}
kinds=("$@")
[ $# -gt 0 ] || kinds=(ext4 xfs btrfs ntfs f2fs exfat fat32)
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

# KIND: the file vol; $filled is the number of files in it
make_volume() {
	filled=$files
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
	f2fs)
		mkdir tree
		fill tree
		mkfs.f2fs -f vol >/dev/null
		sload.f2fs -f tree vol >/dev/null
		rm -rf tree
		;;
	exfat) filled=0 && mkfs.exfat vol >/dev/null ;;
	fat32) filled=0 && mkfs.fat -F 32 vol >/dev/null ;;
	*) fail "no such kind: $1" ;;
	esac
}

printf '%-8s %9s %9s %11s %8s %8s  %s\n' '' files extents 'used bytes' 'CPU s' MiB state
for kind in "${kinds[@]}"; do
	truncate -s "${gib}G" vol
	make_volume "$kind"
	read -r _ cpu rss < <("$TOP/bench/measure.py" "'$SALVOR' map vol --json >map.json" 2>log) || fail "$(cat log)"
	read -r used state < <(jq -r '.partitions[0] | "\(.used) \(.state)"' map.json)
	extents=$("$SALVOR" map vol --extents | wc -l)
	printf '%-8s %9d %9d %11d %8.2f %8d  %s\n' "$kind" "$filled" "$extents" "$used" "$cpu" $((rss / 1024)) "$state"
	rm -f vol map.json
done
