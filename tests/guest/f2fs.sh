#!/usr/bin/env bash
# f2fs.sh - F2FS written by a kernel: aged and unmounted, or crashed after fsync; restored, rolled forward; beside partclone
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The machine ends without a word while files are synced that no checkpoint has. Volumes are saved, restored with
# --free keep to files full of 0xA5, and mounted there by another machine, which rolls them forward.
# usage: f2fs.sh [short]
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir f2fs
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/guest-volumes.sh"
requires mkfs.f2fs fsck.f2fs dump.f2fs

SIZE=$((200 * MIB))
declare -A MKFS=(
	[PLAIN]=''
	[ATTR]='-O extra_attr,inode_checksum,sb_checksum,compression'
	[LARGE]='-i -s 2'
)
declare -A MOUNT=(
	[PLAIN]='noatime'
	[ATTR]='noatime,compress_algorithm=lz4,compress_extension=txt'
	[LARGE]='noatime,fsync_mode=strict,mode=lfs'
)
names=(PLAIN ATTR LARGE)
[ "${1:-}" != short ] || names=(PLAIN)
rows=()

# years of use, then a checkpoint
# shellcheck disable=SC2016 # for the guest's shell
AGE='mkdir old new && for turn in 1 2 3 4 5 6; do
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		head -c $((turn * i * 2999 % 90000 + 1)) /dev/urandom >old/$turn-$i; done
	sync; rm -f old/$((turn - 1))-*[02468]; done; yes some text | head -c 300000 >old/text
	head -c 900000 /dev/urandom >new/changed; sync'
# synced, and after the checkpoint: a file of a folder that the checkpoint has is rolled forward
# shellcheck disable=SC2016
SYNCED='for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	head -c $((i * i * 1999 % 200000 + 1)) /dev/urandom | dd of=new/$i bs=64k conv=fsync 2>/dev/null; done
	for i in 3 40 41 100 200; do
		head -c 4096 /dev/urandom | dd of=new/changed bs=4k seek=$i conv=notrunc,fsync 2>/dev/null; done
	head -c 100000 /dev/urandom >new/not-synced; rm -f new/not-synced'

written() {
	local name
	guest_new
	for name in "${names[@]}"; do
		truncate -s 0 "$WORK/$name"
		truncate -s "$SIZE" "$WORK/$name"
		# shellcheck disable=SC2086 # a list of options
		mkfs.f2fs -q ${MKFS[$name]} "$WORK/$name" >"$WORK/mkfs.out" || fail "mkfs.f2fs: $(cat "$WORK/mkfs.out")"
		cp --sparse=always "$WORK/$name" "$WORK/$name-CLEAN"
		guest_disk "$name" "$WORK/$name"
		guest_disk "$name-CLEAN" "$WORK/$name-CLEAN"
	done
	guest_boot -smp 1
	for name in "${names[@]}"; do
		guest_run "mkdir -p /mnt/$name /mnt/$name-CLEAN; mount -t f2fs -o ${MOUNT[$name]} \$(disk $name) /mnt/$name &&
			mount -t f2fs -o ${MOUNT[$name]} \$(disk $name-CLEAN) /mnt/$name-CLEAN"
		guest_run "cd /mnt/$name-CLEAN && { $AGE; $SYNCED; }"
		sums "/mnt/$name-CLEAN" >"$WORK/$name-CLEAN.sums"
		guest_run "umount /mnt/$name-CLEAN; cd /mnt/$name && { $AGE; }"
	done
	for name in "${names[@]}"; do
		guest_run "cd /mnt/$name && { $SYNCED; }"
		sums "/mnt/$name" >"$WORK/$name.sums"
	done
	guest_kill
}

written
for name in "${names[@]}"; do
	note "$name: unmounted"
	through_salvor "$name-CLEAN" exact
	same_as_oracle "$name-CLEAN" f2fs dump.f2fs
	note "$name: crashed"
	through_salvor "$name" union
	through_partclone "$name" partclone.f2fs
	cp "$WORK/$name.mine" "$WORK/$name.stale"
done

note 'mounted by another machine'
guest_new
for name in "${names[@]}"; do
	guest_disk "$name-MINE" "$WORK/$name.mine"
	guest_disk "$name-C" "$WORK/$name-CLEAN.mine"
	guest_disk "$name-STALE" "$WORK/$name.stale"
	[ ! -e "$WORK/$name.theirs" ] || guest_disk "$name-PC" "$WORK/$name.theirs"
done
guest_boot -smp 1
for name in "${names[@]}"; do
	guest_run "mkdir -p /mnt/$name-STALE; mount -t f2fs -o ro,norecovery \$(disk $name-STALE) /mnt/$name-STALE"
	sums "/mnt/$name-STALE" >"$WORK/stale.sums" || true
	! diff -q "$WORK/$name.sums" "$WORK/stale.sums" >/dev/null || fail "$name: the checkpoint has all files: the test is blunt"
	all_back "$name" "$name-MINE" -t f2fs
	all_back "$name-CLEAN" "$name-C" -t f2fs
	rows+=("$name | salvor: union, $(read_row "$name"), $(all_of "$name") | $(partclone_row "$name" "$name-PC" -t f2fs)")
done
guest_kill
for name in "${names[@]}"; do
	for one in "$name" "$name-CLEAN"; do
		fsck.f2fs --dry-run "$WORK/$one.mine" >"$WORK/fsck.out" 2>&1 || fail "$one: fsck.f2fs: $(tail -n 20 "$WORK/fsck.out")"
		! grep -F '[Fail]' "$WORK/fsck.out" || fail "$one: fsck.f2fs finds errors"
	done
done
printf '%s\n' '' "${rows[@]}"
