#!/usr/bin/env bash
# dirty-btrfs.sh - the map of a Btrfs that was not shut down holds all that its log will write
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A mounted filesystem is copied in full flight, after fsyncs and before the commit that would make them part of the
# trees. Only the ranges of the map go onto a file full of 0xA5; a mount there replays the log: every file that was
# fsync'ed must be there, and btrfs check must be content. The same copies go through partclone; a table at the end says
# what came back.
# usage: dirty-btrfs.sh [NAME]: only the variants whose name begins so
#        dirty-btrfs.sh short: a choice of them, without partclone
set -eu -o pipefail
only=${1:-}
short=('default (DUP)')
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/dirty.sh"
requires btrfs
requires_kernel_fs btrfs
kind=btrfs size=$((200 * MIB)) grain=300000
options=commit=300
own_mounts "$@"
dirty_begin dirty-btrfs 1000

# a forgotten device is not taken for a member when another copy of the filesystem is mounted
umount_image() {
	umount "$mnt"
	btrfs device scan --forget "$LOOP" >/dev/null 2>&1 || true
	detach_loop "$LOOP"
}

# IMAGE: what btrfs check finds
fsck_rc() {
	local rc=0
	btrfs check --check-data-csum "$1" >"$WORK/check" 2>&1 || rc=$?
	echo "$rc"
}

# what a machine did long before the crash
settle() {
	mkdir "$mnt/old"
	head -c 24M /dev/urandom | split -b 200000 - "$mnt/old/"
	btrfs subvolume create "$mnt/sub" >/dev/null
	btrfs subvolume snapshot "$mnt" "$mnt/snapshot" >/dev/null
	rm -rf "${mnt:?}/old"
	sync -f "$mnt"
}

# and shortly before it: new files, small ones that stay in their node, appends, a hole, space reserved, a subvolume
work_on() {
	write_synced new 1 30
	write_synced sub/new 31 50
	head -c 900 /dev/urandom >"$WORK/random"
	dd if="$WORK/random" of="$mnt/inline" conv=fsync status=none
	truncate -s 300k "$mnt/holes"
	dd if=/dev/urandom of="$mnt/holes" bs=4k count=1 seek=50 conv=notrunc,fsync status=none
	fallocate -l 200k "$mnt/reserved"
	dd if=/dev/urandom of="$mnt/reserved" bs=4k count=3 seek=20 conv=notrunc,fsync status=none
	for _ in 1 2 3 4 5; do
		head -c 9000 /dev/urandom | dd of="$mnt/log" bs=9000 oflag=append conv=notrunc,fsync status=none
	done
	(cd "$mnt" && sha256sum inline holes reserved log) >>"$WORK/sums"
	head -c 2M /dev/urandom >"$mnt/not-synced" # may be lost, must not disturb
}

# NAME DIRTY: a row of the table
compare_peers() {
	local mine all
	[ "$only" != short ] && command -v partclone.btrfs >/dev/null || return 0
	all=$(wc -l <"$WORK/sums")
	mine=$(through_salvor "$2" "$options")
	[ "$mine" = "$all of $all files, fsck 0" ] || fail "salvor brought back $mine: $(cat "$WORK/check")"
	add_row "$1" "$2" "$mine" "$(through_partclone partclone.btrfs "$2" "$options")"
	rm -f "$RAM/part.img"
}

# IMAGE: a union, and not most of the volume
check_map() {
	note "$(salvor map --json "$1" | jq -r '.partitions[0] | "\(.state), \(.reason)"'): $(used_bytes) of $size bytes"
	[ "$(salvor map --json "$1" | jq -r '.partitions[0].state')" = union ] || fail 'the map is not a union'
	[ "$(used_bytes)" -lt $((size / 2)) ] || fail 'most of the volume would be read: the test is blunt'
}

# NAME MKFS-OPTION...
variant() {
	local name=$1 dirty=$RAM/dirty.img mine all
	shift
	wanted "$name" || return 0
	note "$name"
	rm -f "$RAM"/*.img "$WORK/sums"
	truncate -s "$size" "$RAM/live.img"
	mkfs.btrfs -q -f "$@" "$RAM/live.img" >/dev/null || fail "mkfs.btrfs $*"
	mount_image "$RAM/live.img" "$options" || {
		note "left out: this kernel does not mount Btrfs $*"
		return 0
	}
	settle
	umount_image
	mount_image "$RAM/live.img" "$options" || fail 'cannot mount it again'
	work_on
	cp --sparse=always "$RAM/live.img" "$dirty"
	umount_image
	rm -f "$RAM/live.img"
	[ "$(btrfs inspect-internal dump-super "$dirty" | awk '$1 == "log_root" { print $2 }')" -ne 0 ] ||
		fail 'the copy has no log: the test is blunt'
	copy_used "$dirty" "$RAM/part.img"
	check_map "$dirty"
	all=$(wc -l <"$WORK/sums")
	mine=$(brought_back "$RAM/part.img" "$options")
	[ "$mine" = "$all of $all files, fsck 0" ] || fail "$name: the copy brought back $mine: $(cat "$WORK/check")"
	compare_peers "$name" "$dirty"
}

variant 'default (DUP)'
variant 'single, 4 KiB nodes' -m single -n 4096
variant 'mixed groups' -M -n 4096
variant 'xxhash' --csum xxhash
variant 'sha256' --csum sha256
variant 'blake2b' --csum blake2
variant 'no free space tree' -R ^free-space-tree
show_rows
