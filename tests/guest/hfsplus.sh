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

# FOLDER: the sums of all files there
sums() { guest_run "cd $1 && find . -type f | sort | xargs sha256sum"; }

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

# VOLUME STATE: saved and restored onto 0xA5
through_salvor() {
	local state
	salvor map --json "$WORK/$1" >"$WORK/map.json"
	state=$(jq -r '.partitions[0].state' "$WORK/map.json")
	[ "$state" = "$2" ] || fail "$1 is $state: $(jq -r '.partitions[0].reason' "$WORK/map.json")"
	salvor map --extents "$WORK/$1" >"$WORK/extents"
	rm -rf -- "${WORK:?}/image"
	expect_rc 0 salvor save --preset fast "$WORK/$1" "$WORK/image"
	poison "$WORK/$1.mine" "$SIZE"
	expect_rc 0 salvor restore --free keep --confirm-erase "$SIZE" "$WORK/image" "$WORK/$1.mine"
	"$ORACLE" compare "$WORK/$1" "$WORK/$1.mine" "$WORK/extents" || fail "$1: bytes differ"
}

# VOLUME: what partclone returned; the volume is there when it was 0
through_partclone() {
	local rc=0
	rm -f "$WORK/$1.pc" "$WORK/$1.theirs"
	command -v partclone.hfsp >/dev/null || return 0
	timeout 60 partclone.hfsp -q -c -s "$WORK/$1" -o "$WORK/$1.pc" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null || rc=$?
	echo "exit $rc" >"$WORK/$1.rc"
	[ "$rc" -eq 0 ] || return 0
	poison "$WORK/$1.theirs" "$SIZE"
	timeout 60 partclone.restore -q -C -s "$WORK/$1.pc" -O "$WORK/$1.theirs" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null ||
		rm "$WORK/$1.theirs"
}

# VOLUME DISK: "N of M files" of a mount
brought_back() {
	guest_run "mkdir -p /mnt/$2; mount -t hfsplus -o ro \$(disk $2) /mnt/$2" 2>/dev/null || {
		echo 'does not mount'
		return 0
	}
	sums "/mnt/$2" >"$WORK/now.sums" 2>/dev/null || true
	guest_run "umount /mnt/$2"
	echo "$(comm -12 <(sort "$WORK/$1.sums") <(sort "$WORK/now.sums") | wc -l) of $(wc -l <"$WORK/$1.sums") files"
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
		free_extents hfsplus "$WORK/$name" "$WORK/free"
		printf '0 %d %s\n' "$SIZE" "$WORK/free" >"$WORK/parts"
		"$ORACLE" used "$SIZE" "$WORK/parts" | cmp - "$WORK/extents" || fail "$name: the map is not sleuthkit's"
		"$TOP/tests/lib/hfsplus-check.py" "$WORK/$name.mine" || fail "$name: not whole any more"
	fi
	cp "$WORK/extents" "$WORK/$name.extents"
	through_partclone "$name"
done

note 'mounted by another machine'
guest_new
for name in "${names[@]}"; do
	guest_disk "$name-MINE" "$WORK/$name.mine"
	[ ! -e "$WORK/$name.theirs" ] || guest_disk "$name-PC" "$WORK/$name.theirs"
done
guest_boot -smp 1
for name in "${names[@]}"; do
	all="$(wc -l <"$WORK/$name.sums") of $(wc -l <"$WORK/$name.sums") files"
	mine=$(brought_back "$name" "$name-MINE")
	[ "$mine" = "$all" ] || fail "$name: salvor brought back $mine"
	theirs='not here'
	[ ! -e "$WORK/$name.rc" ] || theirs=$(cat "$WORK/$name.rc")
	[ ! -e "$WORK/$name.theirs" ] || theirs+=": $(brought_back "$name" "$name-PC")"
	rows+=("$name | salvor: $(awk '{ n += $2 } END { print int(n / 1024) }' "$WORK/$name.extents") of $((SIZE / 1024)) KiB read, $mine | partclone: $theirs")
done
guest_kill
printf '%s\n' '' "${rows[@]}"
