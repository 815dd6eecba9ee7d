#!/usr/bin/env bash
# dirty-ext4.sh - the map of an ext4 that was not shut down holds all that its journal will write
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A mounted filesystem is copied in full flight. Only the ranges of the map go onto a file full of
# 0xA5; replaying the journal there, by e2fsck and by the kernel, must give what it gives on the full
# copy, and every file that was fsync'ed.
# The same copies go through partclone; what each brought back stands in a table at the end.
# usage: dirty-ext4.sh [NAME]: only the variants whose name begins so
#        dirty-ext4.sh short: a choice of them, without partclone
set -eu -o pipefail
only=${1:-}
short=('fast commits' 'bigalloc' 'ext4, 1 KiB' 'log of version 2' 'resized')
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/dirty.sh"
requires mke2fs e2fsck dumpe2fs
grep -qw ext4 /proc/filesystems || skip 'this kernel has no ext4'
kind=ext4 size=$((48 * MIB))
own_mounts "$@"
dirty_begin dirty-ext4 300

# IMAGE: bytes that the descriptors on their places say are used
raw_used() {
	dumpe2fs "$1" 2>/dev/null | awk -v size="$size" '/^Block size:/ { unit = $3 } /^Cluster size:/ { unit = $3 }
		/^  [0-9]+ free (blocks|clusters),/ { n += $1 } END { print size - n * unit }'
}

# IMAGE: what e2fsck finds
fsck_rc() {
	local rc=0
	e2fsck -fn "$1" >/dev/null 2>&1 || rc=$?
	echo "$rc"
}

# NAME DIRTY: a row of the table
compare_peers() {
	local mine theirs
	[ "$only" != short ] && command -v partclone.extfs >/dev/null || return 0
	mine=$(through_salvor "$2" commit=600)
	[[ $mine == "$(wc -l <"$WORK/sums") of "*' files, fsck 0' ]] || [[ $1 == *'fast commits'* ]] ||
		fail "salvor brought back $mine"
	theirs=$(through_partclone partclone.extfs "$2" commit=600)
	[[ $theirs == 'exit 0'* ]] || theirs+="; -I: $(through_partclone partclone.extfs "$2" commit=600 -I)"
	add_row "$1" "$2" "$mine" "$theirs"
	rm -f "$RAM/part.img"
}

# more than is used on its place already, and yet not the whole volume
check_map() {
	local used raw
	used=$(used_bytes)
	raw=$(raw_used "$1" || true)
	note "raw $raw, map $used of $size bytes"
	[ "$used" -lt "$size" ] || fail "the volume was taken whole: $(salvor map --json "$RAM/dirty.img" | jq -r ".partitions[0].reason")"
	[ "$used" -gt "$((raw + MIB / 2))" ] || fail 'the journal added nothing: the test is blunt'
}

# IMAGE: e2fsck replays and repairs; its words and the files afterwards
replay() {
	local rc=0
	e2fsck -fy "$1" 2>"$WORK/fsck.err" | sed "s|$1|IMAGE|g" || rc=$?
	[ "$rc" -le 1 ] || fail "e2fsck ends with $rc"
}

# WHO MKFS-OPTIONS MOUNT-OPTIONS FULL PART: a replay must bring the same files back on both. Those are
# all; only e2fsck loses fast commits by itself (1.47.0 with 1 KiB blocks does)
check_files() {
	local n
	files_of "$4" "$3" "$WORK/ok.full"
	files_of "$5" "$3" "$WORK/ok.part"
	n=$(wc -l <"$WORK/ok.full")
	note "replayed by $1: $n of $(wc -l <"$WORK/sums") fsync'ed files"
	[ "$n" -eq "$(wc -l <"$WORK/sums")" ] || [[ $1 == e2fsck && $2 == *fast_commit* ]] ||
		fail "the full copy lost files: the test is wrong"
	diff "$WORK/ok.full" "$WORK/ok.part" || fail "fsync'ed files are lost that the full copy has"
	e2fsck -fn "$5" >"$WORK/fsck.part" 2>&1 || true
	e2fsck -fn "$4" >"$WORK/fsck.full" 2>&1 || true
	diff <(sed "s|$4|IMAGE|g" "$WORK/fsck.full") <(sed "s|$5|IMAGE|g" "$WORK/fsck.part") ||
		fail "e2fsck finds something else than on the full copy after $1"
}

# the kernel wrote some, so that the map had to find them
check_fast_commits() {
	local n
	n=$(awk '/ commits$/ { print $1; exit }' "/proc/fs/ext4/${LOOP##*/}/fc_info")
	note "$n fast commits"
	[ "$n" -gt 0 ] || fail 'no fast commits: the test is blunt'
}

# NAME DIRTY MKFS-OPTIONS: the ranges of the map replay to what the full copy does
check_dirty() {
	local name=$1 dirty=$2
	copy_used "$dirty" "$RAM/part.img"
	check_map "$dirty"
	cp --sparse=always "$dirty" "$RAM/full.img"
	replay "$RAM/full.img" >"$WORK/fsck.full"
	replay "$RAM/part.img" >"$WORK/fsck.part"
	diff "$WORK/fsck.full" "$WORK/fsck.part" || fail 'e2fsck says something else than of the full copy'
	check_files e2fsck "$3" ro "$RAM/full.img" "$RAM/part.img"

	compare_peers "$name" "$dirty"
	copy_used "$dirty" "$RAM/part.img"
	check_files kernel "$3" commit=600 "$dirty" "$RAM/part.img"
}

# NAME MKFS-OPTIONS MOUNT-OPTIONS
variant() {
	local name=$1 dirty=$RAM/dirty.img
	wanted "$name" || return 0
	note "$name"
	rm -f "$RAM"/*.img "$WORK/sums"
	truncate -s "$size" "$RAM/live.img"
	# shellcheck disable=SC2086 # a list of options
	mke2fs -q -F $2 "$RAM/live.img" || fail "mke2fs $2"
	mount_image "$RAM/live.img" "commit=600,$3" || {
		note "left out: this kernel does not mount ext4 $2 with $3"
		return 0
	}
	mkdir "$mnt/old"
	head -c 12M /dev/urandom | split -b 50000 - "$mnt/old/"
	umount_image
	mount_image "$RAM/live.img" "commit=600,$3" || fail "cannot mount it again"
	work_on
	[[ $2 != *fast_commit* ]] || check_fast_commits
	cp --sparse=always "$RAM/live.img" "$dirty"
	umount_image
	dumpe2fs -h "$dirty" 2>/dev/null | has needs_recovery || fail 'the copy is not dirty'

	check_dirty "$name" "$dirty" "$2"
}

# FILE N: which blocks of the image FILE the files in its folder N take
data_blocks() {
	debugfs -R "ls -p $2" "$1" 2>/dev/null | awk -F/ '$6 ~ /^[0-9]+$/ { print $6 }' |
		while read -r name; do echo "blocks $2/$name"; done >"$WORK/blocks.cmd"
	debugfs -f "$WORK/blocks.cmd" "$1" 2>/dev/null | grep -v '^debugfs' | tr ' ' '\n' | grep -E '^[0-9]+$' || true
}

# NAME MKFS-OPTIONS JOURNAL-OPEN GROWN: what this kernel does not leave in a log itself. The change from one state to
# the next is put into the log block by block, but for what files hold, which is written on its place as with
# data=ordered. With GROWN the filesystem grows from that size in between.
written_log() {
	local name=$1 before=$RAM/before.img after=$RAM/after.img dirty=$RAM/dirty.img
	wanted "$name" || return 0
	note "$name"
	rm -f "$RAM"/*.img "$WORK/sums"
	truncate -s "$size" "$before"
	# shellcheck disable=SC2086 # a list of options
	mke2fs -q -F -E lazy_itable_init=1 $2 "$before" $4 || fail "mke2fs $2"
	mount_image "$before" data=ordered || fail "cannot mount $2"
	mkdir "$mnt/old" "$mnt/new"
	head -c 6M /dev/urandom | split -b 50000 - "$mnt/old/"
	umount_image
	cp --sparse=always "$before" "$after"
	[ -z "$4" ] || resize2fs -f "$after" $((size / 1024))K >"$WORK/resize.out" 2>&1 || fail "resize2fs: $(cat "$WORK/resize.out")"
	mount_image "$after" data=ordered || fail 'cannot mount it again'
	write_synced new 1 40
	umount_image
	data_blocks "$after" new >"$WORK/data"
	cp --sparse=always "$before" "$dirty"
	"$TOP/tests/lib/ext-log.py" "$before" "$after" "$dirty" "$WORK/data" "$WORK/log.blocks" >"$WORK/log.cmd"
	{ echo "$3" && cat "$WORK/log.cmd" && echo jc; } >"$WORK/log.all"
	debugfs -w -f "$WORK/log.all" "$dirty" >"$WORK/debugfs.out" 2>&1
	! grep -v -e '^debugfs' -e '^Setting csum' -e '^$' "$WORK/debugfs.out" || fail 'debugfs writes no log'
	dumpe2fs -h "$dirty" 2>/dev/null | has needs_recovery || fail 'the copy is not dirty'
	rm -f "$before" "$after"
	check_dirty "$name" "$dirty" "$2"
}

variant 'ext4, 4 KiB' '-t ext4 -b 4096' data=ordered
variant 'ext4, 1 KiB, small journal' '-t ext4 -b 1024 -J size=1' data=ordered
variant 'ext4, 2 KiB' '-t ext4 -b 2048' data=ordered
variant 'data=journal' '-t ext4 -b 4096' data=journal
variant 'data=writeback' '-t ext4 -b 1024' data=writeback
variant 'fast commits' '-t ext4 -b 4096 -O fast_commit' data=ordered
variant 'fast commits, 1 KiB' '-t ext4 -b 1024 -O fast_commit' data=ordered
variant 'bigalloc' '-t ext4 -b 4096 -O bigalloc -C 16384' data=ordered
variant 'without 64bit and checksums' '-t ext4 -b 1024 -O ^64bit,^metadata_csum' data=ordered
variant 'checksums of descriptors' '-t ext4 -b 1024 -O ^metadata_csum,uninit_bg' data=ordered
variant 'without flex_bg' '-t ext4 -b 1024 -O ^flex_bg' data=ordered
variant 'old journal checksums' '-t ext4 -b 4096 -O ^metadata_csum' journal_checksum
variant 'asynchronous commits' '-t ext4 -b 4096' journal_async_commit,data=writeback
variant 'ext3' '-t ext3 -b 1024' data=ordered
variant 'meta_bg' '-t ext4 -b 1024 -O meta_bg,^resize_inode -g 1024 -N 4096' data=ordered
variant 'orphan file, inline data' '-t ext4 -b 4096 -O orphan_file,inline_data' data=ordered
written_log 'log of version 2' '-t ext4 -b 4096 -O metadata_csum,64bit -J size=8' 'jo -c -v 2' ''
written_log 'log of version 2, 1 KiB' '-t ext4 -b 1024 -O metadata_csum,^64bit -J size=8' 'jo -c -v 2' ''
written_log 'resized while in use' '-t ext4 -b 1024 -J size=8' 'jo' 32M
written_log 'resized while in use, 4 KiB' '-t ext4 -b 4096 -J size=8' 'jo' 32M

show_rows
