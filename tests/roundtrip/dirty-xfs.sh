#!/usr/bin/env bash
# dirty-xfs.sh - the map of an XFS that was not shut down holds all that replaying its log needs
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A mounted filesystem is copied in full flight, or shut down in the middle. Only the ranges of the map go onto a
# file full of 0xA5; the kernel replays the log there: xfs_repair finds nothing, and every file that was fsync'ed is
# there. The same copies go through partclone; what each brought back stands in a table at the end.
# usage: dirty-xfs.sh [NAME]: only the variants whose name begins so
#        dirty-xfs.sh short: a choice of them, without partclone
set -eu -o pipefail
only=${1:-}
short=('one group' 'long records' 'round the log')
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/dirty.sh"
requires xfs_repair xfs_io
requires_kernel_fs xfs
kind=xfs size=$((96 * MIB))
own_mounts "$@"
dirty_begin dirty-xfs 700

# IMAGE: what xfs_repair finds
fsck_rc() {
	local rc=0
	xfs_repair -n -f "$1" >"$WORK/repair.out" 2>&1 || rc=$?
	echo "$rc"
}

# only one folder, so that other groups stay as they are
one_folder() { write_synced new 1 40; }

# the round in which the log of the live volume is, or the one before: the cycle of its first sector
log_rounds() {
	local start
	start=$(xfs_db -r -f -c 'sb 0' -c 'print logstart' "$RAM/live.img")
	start=$(xfs_db -r -f -c "convert fsblock ${start#* = } byte" "$RAM/live.img")
	start=${start#*(}
	# a record's header has its magic number first
	od -An -v -w8 -tu4 --endian=big -j "${start%)*}" -N 8 "$RAM/live.img" | awk '{ print $1 == 4276992702 ? $2 : $1 }'
}

# as a busy mail server: the log is written over and over
round_the_log() {
	local i n
	for ((i = 1; i <= 20; i++)); do
		for ((n = 1; n <= 600; n++)); do echo "$i $n" >"$mnt/old/spool-$n"; done
		sync -f "$mnt"
		rm -f "$mnt"/old/spool-*
		sync -f "$mnt"
	done
	write_synced new 1 40
	[ "$(log_rounds)" -gt 1 ] || fail 'the log was not written to its end: the test is blunt'
}

# NAME DIRTY: a row of the table
compare_peers() {
	local mine
	[ "$only" != short ] && command -v partclone.xfs >/dev/null || return 0
	mine=$(through_salvor "$2" nouuid)
	[ "$mine" = "$(wc -l <"$WORK/sums") of $(wc -l <"$WORK/sums") files, fsck 0" ] || fail "salvor brought back $mine"
	add_row "$1" "$2" "$mine" "$(through_partclone partclone.xfs "$2" nouuid)"
	rm -f "$RAM/part.img"
}

# IMAGE part|any: not the whole volume, where only a part of it was written to
check_map() {
	local state reason
	salvor map --json "$1" >"$WORK/map.json"
	state=$(jq -r '.partitions[0].state' "$WORK/map.json")
	reason=$(jq -r '.partitions[0].reason' "$WORK/map.json")
	note "$state, $reason: $(used_bytes) of $size bytes"
	[ "$(jq -r '.partitions[0].fs' "$WORK/map.json")" = xfs ] || fail 'it is not called xfs'
	[[ $state-$reason == [uw]*-'it was not shut down cleanly'* ]] || fail 'the copy is not dirty'
	[ "$2" = any ] || [ "$state" = union ] || fail 'the volume was taken whole'
	[ "$2" = any ] || [ "$(used_bytes)" -lt $((size * 3 / 4)) ] || fail 'too much would be read'
}

# the copy without the log would lose files, or this test could not fail
check_blunt() {
	cp --sparse=always "$1" "$RAM/full.img"
	files_of "$RAM/full.img" nouuid "$WORK/ok.full"
	[ "$(wc -l <"$WORK/ok.full")" -eq "$(wc -l <"$WORK/sums")" ] || fail 'the full copy lost files: the test is wrong'
	mount_image "$1" ro,norecovery,nouuid || fail 'cannot mount it without its log'
	(cd "$mnt" && sha256sum -c "$WORK/sums" 2>/dev/null) >"$WORK/ok.stale" || true
	umount_image
	! has -v ': OK$' <"$WORK/ok.stale" && [ "$(wc -l <"$WORK/ok.stale")" -eq "$(wc -l <"$WORK/sums")" ] || return 0
	fail 'all files are there without the log: the test is blunt'
}

# NAME MKFS-OPTIONS MOUNT-OPTIONS WORK part|any copied|stopped
variant() {
	local name=$1 dirty=$RAM/dirty.img
	wanted "$name" || return 0
	note "$name"
	rm -f "$RAM"/*.img "$WORK/sums"
	truncate -s "$size" "$RAM/live.img"
	# shellcheck disable=SC2086 # a list of options
	mkfs.xfs -q -f --unsupported $2 "$RAM/live.img" >"$WORK/mkfs.out" 2>&1 || fail "mkfs.xfs $2: $(cat "$WORK/mkfs.out")"
	mount_image "$RAM/live.img" "$3" || fail "this kernel does not mount XFS $2 with $3"
	mkdir "$mnt/old"
	head -c 12M /dev/urandom | split -b 50000 - "$mnt/old/"
	umount_image
	mount_image "$RAM/live.img" "$3" || fail 'cannot mount it again'
	"$4"
	[ "$6" != stopped ] || xfs_io -x -c 'shutdown' "$mnt"
	[ "$6" = stopped ] || cp --sparse=always "$RAM/live.img" "$dirty"
	umount_image
	[ "$6" != stopped ] || mv "$RAM/live.img" "$dirty"
	rm -f "$RAM/live.img"

	check_blunt "$dirty"
	copy_used "$dirty" "$RAM/part.img"
	check_map "$dirty" "$5"
	files_of "$RAM/part.img" nouuid "$WORK/ok.part"
	diff "$WORK/ok.full" "$WORK/ok.part" || fail "fsync'ed files are lost that the full copy has"
	[ "$(fsck_rc "$RAM/part.img")" = 0 ] || fail "xfs_repair: $(tail -n 20 "$WORK/repair.out")"
	compare_peers "$name" "$dirty"
}

variant 'one group' '-d agcount=4' noatime one_folder part copied
variant 'several groups' '-d agcount=4' noatime work_on any copied
variant 'many groups' '-d agcount=6 -l agnum=3' noatime one_folder part copied
variant 'shut down in between' '-d agcount=4' noatime one_folder part stopped
variant '1 KiB, all trees' '-b size=1024 -d agcount=4 -m rmapbt=1,reflink=1 -i nrext64=1' noatime one_folder part copied
variant 'long records' '-d agcount=4 -l size=16m' noatime,logbsize=256k one_folder part copied
variant 'log in stripes' '-d agcount=4 -l su=64k' noatime,logbsize=64k one_folder part copied
variant 'sectors of 4 KiB' '-d agcount=4 -s size=4096' noatime one_folder part copied
variant 'round the log' '-d agcount=4 -l size=6m' noatime round_the_log part copied
show_rows
