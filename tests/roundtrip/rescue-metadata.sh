#!/usr/bin/env bash
# rescue-metadata.sh - bad sectors in what filesystems and tables need to know: what is used by other tools is on the copy all the same
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [PLACES=N] [SEED=N] rescue-metadata.sh    N places by chance of each volume's metadata (default 2), one bad at a time
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs debugfs dumpe2fs mkfs.fat mcopy blkls fsstat sfdisk python3 jq

work_dir rescue-metadata
places=${PLACES:-2} seed=${SEED:-$$$RANDOM}
RANDOM=$((seed % 32768))
cleanup_fn echo "SEED=$seed"
rescued=$TOP/tests/lib/rescued.py
src=$WORK/src.raw dst=$WORK/dst.raw map=$WORK/disk.map
make_corpus "$WORK/corpus" 120

# DOMAIN CODE: rescue that much
rescued_domain() {
	rm -f -- "$dst" "$map" "$map".*
	expect_rc "$2" rescue -- "$dst" "$map" --sector-size 512 --domain "$1" --quiet
}

untried() { "$rescued" untried "$map"; }

# NAME AT: what is used, and what is metadata when all can be read, is on the copy without the sector at AT
judge() {
	local bad=$2-$(($2 + 512)) code=3
	unreadable src.raw "$bad"
	for domain in used metadata; do
		rescued_domain "$domain" "$code"
		"$rescued" used "$src" "$dst" "$map" "$WORK/free.$domain" "$bad" ||
			fail "$1 with sector $2 bad, --domain $domain: $(cat "$map" "$WORK/err")"
	done
	[ -n "$(untried)" ] || widened=$((widened + 1))
}

# sectors by chance of what the log says was read
read_places() {
	awk -v seed="$RANDOM" -v n="$places" '
		BEGIN { srand(seed) }
		$1 == "r" && $3 { offset[m] = $2; sectors[m++] = $3 / 512 }
		END { while (n-- > 0) { i = int(rand() * m); print int(offset[i] / 512 + int(rand() * sectors[i])) * 512 } }' "$WORK/log"
}

# NAME AT...: bad sectors at these bytes, and at some that are read to map $src; free space by another tool is in $WORK/free.used
bad_metadata() {
	local name=$1 at
	shift
	rm -f -- "$WORK/log"
	unreadable none 0-1
	expect_rc 0 with_log "$WORK/log" src.raw "$SALVOR" map "$src" --sector-size 512
	rescued_domain metadata 0
	untried >"$WORK/free.metadata"
	rescued_domain used 0
	[ -n "$(untried)" ] || fail "$name: free space is read, too"
	"$rescued" used "$src" "$dst" "$map" "$WORK/free.used"
	widened=0
	for at; do judge "$name" "$at"; done
	while read -r at; do judge "$name" "$at"; done < <(read_places)
	echo "$name: after $widened of $(($# + places)) bad sectors all of the disk was read"
}

# KIND MIBS AT...
volume() {
	note "$1"
	make_fs "$1" "$src" $(($2 * MIB)) 512
	fill_fs "$1" "$src" fragmented "$WORK/corpus"
	free_extents "$1" "$src" "$WORK/free.used"
	bad_metadata "$1" "${@:3}"
}

# the superblock, and the descriptors behind it
volume ext4 24 1024 2048
# the boot sector, and the first FAT
volume fat32 40 0 $((32 * 512))
if have_loop; then
	if grep -qw xfs /proc/filesystems && command -v mkfs.xfs xfs_db >/dev/null; then
		# the superblock, and the list of free space of the first group
		volume xfs 32 0 512
	fi
	if [ -w /dev/fuse ] && command -v mkntfs ntfs-3g ntfsinfo >/dev/null; then
		volume ntfs 24 0
	fi
else
	echo 'not shown: XFS and NTFS, for there are no loop devices here'
fi

note 'a partition table'
make_fs ext4 "$WORK/volume" $((20 * MIB)) 512
fill_fs ext4 "$WORK/volume" fragmented "$WORK/corpus"
free_extents ext4 "$WORK/volume" "$WORK/free.volume"
rm -f "$src"
truncate -s $((24 * MIB)) "$src"
printf 'label: gpt\nstart=2MiB, size=20MiB, type=L\n' | write_table "$src" 512
put_in "$WORK/volume" "$src" $((2 * MIB))
awk -v at=$((2 * MIB)) -v size=$((24 * MIB)) -v end=$((22 * MIB)) '
	BEGIN { print 0, at; print end, size - end }
	{ print $1 + at, $2 }' "$WORK/free.volume" >"$WORK/free.used"
# its header and its entries
bad_metadata 'a disk with a GPT' 512 1024
