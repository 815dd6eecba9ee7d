#!/usr/bin/env bash
# target-size.sh - larger, smaller and unconfirmed targets, other sector sizes; refusals leave every byte as it was
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires sgdisk
work_dir target-size

disk=$WORK/disk.img target=$WORK/target.img
make_small_disk "$disk"
size=$(stat -c %s "$disk")
expect_rc 0 salvor save --preset fast "$disk" "$WORK/image"

# TARGET CODE SENTENCE OPTION...: refused, with the same code in a dry run, and not one byte written
refused() {
	local to=$1 code=$2 sentence=$3 hash
	shift 3
	hash=$(sha "$to")
	expect_rc "$code" salvor restore --dry-run "$@" "$WORK/image" "$to"
	expect_rc "$code" salvor restore "$@" "$WORK/image" "$to"
	[ -z "$sentence" ] || expect_said "$sentence"
	unchanged "$to" "$hash"
}

# TARGET SIZE: the table is the source's, its backup at the end of the target, and the files are there
check_larger() {
	local n
	sgdisk -v "$1" >"$WORK/sgdisk.out"
	grep -q 'No problems found' "$WORK/sgdisk.out" || {
		cat "$WORK/sgdisk.out" >&2
		fail 'sgdisk finds the table of the larger target wrong'
	}
	diff <(dump_table "$disk" 512 | grep -v last-lba) <(dump_table "$1" 512 | grep -v last-lba) ||
		fail 'the partitions differ'
	[ "$(sfdisk -d "$1" | sed -n 's/last-lba: //p')" = $(($2 / 512 - 34)) ] || fail 'last usable sector'
	for n in 1 2 3 4; do
		same_trees "$disk" "$1" "$n"
	done
}

note 'a larger file: the backup GPT moves to its end'
larger=$((size + 37 * MIB + 512))
poison "$target" "$larger"
expect_rc 0 salvor restore --confirm-erase "$larger" "$WORK/image" "$target"
check_larger "$target" "$larger"

note 'dry run of a good restore writes nothing'
poison "$target" "$larger"
hash=$(sha "$target")
expect_rc 0 salvor restore --dry-run --confirm-erase "$larger" "$WORK/image" "$target"
unchanged "$target" "$hash"

note 'no confirmation, a wrong one, that of another disk'
refused "$target" 6 ''
refused "$target" 6 '' --confirm-erase yes
refused "$target" 6 '' --confirm-erase "$size"

note 'free space: zero, on a target of the same size'
poison "$target" "$size"
expect_rc 0 salvor restore --free zero --confirm-erase "$size" "$WORK/image" "$target"
"$ORACLE" zeros "$disk" "$target" "$WORK/used" || fail 'free space was not zeroed'

if have_loop; then
	note 'a larger device'
	poison "$target" "$((size + 16 * MIB))"
	attach_loop "$target" 512
	expect_rc 0 salvor restore --confirm-erase $((size + 16 * MIB)) "$WORK/image" "$LOOP"
	detach_loop "$LOOP"
	check_larger "$target" $((size + 16 * MIB))

	note 'smaller devices: refused, naming what is missing'
	poison "$target" $((size - MIB))
	attach_loop "$target" 512
	refused "$LOOP" 6 "$MIB" --confirm-erase $((size - MIB))
	detach_loop "$LOOP"

	note 'a device with other sectors'
	poison "$target" "$size"
	attach_loop "$target" 4096
	refused "$LOOP" 6 'sector' --confirm-erase "$size"
	detach_loop "$LOOP"

	note 'a write-protected device'
	attach_loop "$target" 512 -r
	refused "$LOOP" 6 '' --confirm-erase "$size"
	detach_loop "$LOOP"

	note 'a mounted device'
	mke2fs -q -F -t ext4 "$target"
	attach_loop "$target" 512
	mkdir "$WORK/mnt"
	mount "$LOOP" "$WORK/mnt"
	expect_rc 6 salvor restore --confirm-erase "$size" "$WORK/image" "$LOOP"
	umount "$WORK/mnt"
	detach_loop "$LOOP"
	check_fs ext4 "$target"
else
	skip 'devices as targets need loop devices (root); files passed'
fi
