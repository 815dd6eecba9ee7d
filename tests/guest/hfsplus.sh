#!/usr/bin/env bash
# hfsplus.sh - HFS+ written by a kernel: aged, full and unmounted, or copied while in use; restored; beside partclone
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Volumes are saved, restored with --free keep to files full of 0xA5, checked, and read there by another machine. Linux does
# not write the journal: what it had mounted when the machine ended cannot be told, and is read whole.
# usage: hfsplus.sh [short]
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir hfsplus
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/guest-volumes.sh"
requires python3 blkls fsstat

SIZE=$((96 * MIB))
declare -A MAKE=(
	[AGED]=''
	[FULL]='--block 1024'
	[JOURNAL]="--x --journal $((8 * MIB))"
	[USED]=''
)
# force: with a journal it is read-only otherwise
declare -A MOUNT=([AGED]=rw [FULL]=rw [JOURNAL]=force [USED]=rw)
names=(AGED FULL JOURNAL USED)
[ "${1:-}" != short ] || names=(AGED USED)
rows=()

# years of use: files of all sizes that come, grow by turns and go
# shellcheck disable=SC2016 # for the guest's shell
AGE='mkdir old new && for turn in 1 2 3 4 5 6; do
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		head -c $((turn * i * 2999 % 90000 + 1)) /dev/urandom >old/$turn-$i
		head -c 9000 /dev/urandom >>new/a; head -c 5000 /dev/urandom >>new/b; done
	sync; rm -f old/$((turn - 1))-*[02468]; done'
# shellcheck disable=SC2016
FILL='mkdir filler; i=0; while head -c 250000 /dev/urandom >filler/$i 2>/dev/null; do i=$((i + 1)); done
	rm -f filler/*[13579]; head -c 6000000 /dev/urandom >pieces; sync'

written() {
	local name
	guest_new
	for name in "${names[@]}"; do
		# shellcheck disable=SC2086 # a list of options
		"$TOP/tests/lib/hfsplus-make.py" "$WORK/$name" "$SIZE" ${MAKE[$name]}
		guest_disk "$name" "$WORK/$name"
	done
	guest_boot -smp 1
	for name in "${names[@]}"; do
		guest_run "mkdir -p /mnt/$name; mount -t hfsplus -o ${MOUNT[$name]} \$(disk $name) /mnt/$name && cd /mnt/$name && { $AGE; }"
		[ "$name" != FULL ] || guest_run "cd /mnt/$name && { $FILL; }"
		sums "/mnt/$name" >"$WORK/$name.sums"
		if [ "$name" = USED ]; then guest_run sync; else guest_run "umount /mnt/$name"; fi
	done
	guest_kill
}

written
for name in "${names[@]}"; do
	note "$name"
	if [ "$name" = USED ]; then
		through_salvor "$name" whole
		grep -q 'it was not unmounted' "$WORK/map.json" || fail "$(cat "$WORK/map.json")"
	else
		"$TOP/tests/lib/hfsplus-check.py" "$WORK/$name" | tee "$WORK/check.out" || fail "$name: the kernel left it inconsistent: the test is blunt"
		[ "$name" != FULL ] || grep -q ' [1-9][0-9]* in the extents file' "$WORK/check.out" || fail "$name is not in pieces: the test is blunt"
		through_salvor "$name" exact
		same_as_oracle "$name" hfsplus sleuthkit
		"$TOP/tests/lib/hfsplus-check.py" "$WORK/$name.mine" || fail "$name: not whole any more"
	fi
	through_partclone "$name" partclone.hfsp
done

note 'mounted by another machine'
guest_new
for name in "${names[@]}"; do
	guest_disk "$name-MINE" "$WORK/$name.mine"
	[ ! -e "$WORK/$name.theirs" ] || guest_disk "$name-PC" "$WORK/$name.theirs"
done
guest_boot -smp 1
for name in "${names[@]}"; do
	all_back "$name" "$name-MINE" -t hfsplus -o ro
	rows+=("$name | salvor: $(read_row "$name"), $(all_of "$name") | $(partclone_row "$name" "$name-PC" -t hfsplus -o ro)")
done
guest_kill
printf '%s\n' '' "${rows[@]}"
