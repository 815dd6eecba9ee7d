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

# FOLDER: the sums of all files there
sums() { guest_run "cd $1 && find . -type f ! -name not-synced | sort | xargs sha256sum"; }

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
	command -v partclone.f2fs >/dev/null || return 0
	timeout 60 partclone.f2fs -q -c -s "$WORK/$1" -o "$WORK/$1.pc" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null || rc=$?
	echo "exit $rc" >"$WORK/$1.rc"
	[ "$rc" -eq 0 ] || return 0
	poison "$WORK/$1.theirs" "$SIZE"
	timeout 60 partclone.restore -q -C -s "$WORK/$1.pc" -O "$WORK/$1.theirs" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null ||
		rm "$WORK/$1.theirs"
}

# VOLUME DISK: "N of M files" after a mount, which rolls it forward
brought_back() {
	guest_run "mkdir -p /mnt/$2; mount -t f2fs \$(disk $2) /mnt/$2" 2>/dev/null || {
		echo 'does not mount'
		return 0
	}
	sums "/mnt/$2" >"$WORK/now.sums" 2>/dev/null || true
	guest_run "umount /mnt/$2"
	echo "$(comm -12 <(sort "$WORK/$1.sums") <(sort "$WORK/now.sums") | wc -l) of $(wc -l <"$WORK/$1.sums") files"
}

written
for name in "${names[@]}"; do
	note "$name: unmounted"
	through_salvor "$name-CLEAN" exact
	free_extents f2fs "$WORK/$name-CLEAN" "$WORK/free"
	printf '0 %d %s\n' "$SIZE" "$WORK/free" >"$WORK/parts"
	"$ORACLE" used "$SIZE" "$WORK/parts" | cmp - "$WORK/extents" || fail "$name: the map is not dump.f2fs's"
	note "$name: crashed"
	through_salvor "$name" union
	cp "$WORK/extents" "$WORK/$name.extents"
	through_partclone "$name"
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
	all="$(wc -l <"$WORK/$name.sums") of $(wc -l <"$WORK/$name.sums") files"
	guest_run "mkdir -p /mnt/$name-STALE; mount -t f2fs -o ro,norecovery \$(disk $name-STALE) /mnt/$name-STALE"
	sums "/mnt/$name-STALE" >"$WORK/stale.sums" || true
	! diff -q "$WORK/$name.sums" "$WORK/stale.sums" >/dev/null || fail "$name: the checkpoint has all files: the test is blunt"
	mine=$(brought_back "$name" "$name-MINE")
	[ "$mine" = "$all" ] || fail "$name: salvor brought back $mine"
	clean=$(brought_back "$name-CLEAN" "$name-C")
	[ "${clean% of*}" -eq "$(wc -l <"$WORK/$name-CLEAN.sums")" ] || fail "$name, unmounted: salvor brought back $clean"
	theirs='not here'
	[ ! -e "$WORK/$name.rc" ] || theirs=$(cat "$WORK/$name.rc")
	[ ! -e "$WORK/$name.theirs" ] || theirs+=": $(brought_back "$name" "$name-PC")"
	rows+=("$name | salvor: union, $(awk '{ n += $2 } END { print int(n / 1024) }' "$WORK/$name.extents") of $((SIZE / 1024)) KiB read, $mine | partclone: $theirs")
done
guest_kill
for name in "${names[@]}"; do
	for one in "$name" "$name-CLEAN"; do
		fsck.f2fs --dry-run "$WORK/$one.mine" >"$WORK/fsck.out" 2>&1 || fail "$one: fsck.f2fs: $(tail -n 20 "$WORK/fsck.out")"
		! grep -F '[Fail]' "$WORK/fsck.out" || fail "$one: fsck.f2fs finds errors"
	done
done
printf '%s\n' '' "${rows[@]}"
