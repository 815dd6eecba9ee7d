#!/usr/bin/env bash
# dirty-ntfs.sh - the map of an NTFS that was not shut down holds all that the replay of its log needs, with --ntfs-union
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Files grow and move under ntfs-3g. The volume becomes one that crashed: $Bitmap and the files' records are
# those of before, and what makes the new ones of them stands in a log that is made by hand, as no driver of Linux writes
# any; or the records were written, and $Bitmap was not. Saved, restored onto 0xA5, replayed: every file is there.
# The same volumes go through partclone; what each brought back stands in a table at the end.
# usage: dirty-ntfs.sh [short]: one of them, without partclone
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/filesystems.sh"
. "$TOP/tests/lib/faults.sh"
only=${1:-}
requires jq python3 mkntfs ntfsfix sha256sum
requires_fuse
work_dir dirty-ntfs
LOG=$TOP/tests/lib/ntfs-log.py
SIZE=$((96 * MIB))
mnt=$WORK/mnt
rows=()

# FILES FIRST: each is longer by that, and synced
grow() {
	local i
	for i in $(seq "$1"); do
		head -c $((i * 1999 % 70000 + $2)) /dev/urandom | dd of="$mnt/$i" bs=64k oflag=append conv=notrunc,fsync status=none
	done
}

make_states() {
	local i
	truncate -s "$SIZE" "$WORK/volume"
	mkntfs -q -F -f -c 4096 -p 2048 -H 16 -S 63 "$WORK/volume" 2>/dev/null
	ntfs_mount "$WORK/volume" "$mnt" rw
	grow 60 900
	ntfs_umount "$mnt"
	cp --sparse=always "$WORK/volume" "$WORK/before"
	ntfs_mount "$WORK/volume" "$mnt" rw
	for i in 3 7 11 30; do : >"$mnt/$i"; done # these move
	grow 60 5000
	(cd "$mnt" && sha256sum ./*) >"$WORK/sums"
	ntfs_umount "$mnt"
	mv "$WORK/volume" "$WORK/after"
}

# IMAGE: "N of M files"; a volume that does not mount has none
files_of() {
	local n=0
	mkdir -p "$mnt"
	ntfsfix -n "$1" >"$WORK/fix.out" 2>&1 || { echo 'does not pass ntfsfix'; return 0; }
	ntfs_mount "$1" "$mnt" ro
	n=$(cd "$mnt" && sha256sum -c "$WORK/sums" 2>/dev/null | grep -c ': OK$') || true
	ntfs_umount "$mnt"
	echo "$n of $(wc -l <"$WORK/sums") files"
}

# IMAGE HOW: as the driver of another system finds it
replayed() {
	[ "$2" = lazy ] || "$LOG" replay "$1"
	files_of "$1"
}

# DIRTY HOW: what partclone brings back
through_partclone() {
	local rc=0
	[ "$only" != short ] || { echo 'not asked'; return 0; }
	command -v partclone.ntfs >/dev/null || { echo 'not installed'; return 0; }
	rm -f "$WORK/pc" "$WORK/theirs"
	timeout 60 partclone.ntfs -q -c -s "$1" -o "$WORK/pc" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null || rc=$?
	[ "$rc" -eq 0 ] || { echo "refuses it (exit $rc)"; return 0; }
	poison "$WORK/theirs" "$SIZE"
	timeout 60 partclone.restore -q -C -s "$WORK/pc" -O "$WORK/theirs" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null ||
		{ echo 'does not restore'; return 0; }
	replayed "$WORK/theirs" "$2"
}

# DIRTY HOW: saved with the switch, restored onto 0xA5, replayed
through_salvor() {
	salvor map --ntfs-union --extents "$1" >"$WORK/extents"
	rm -rf -- "${WORK:?}/image"
	expect_rc 0 salvor save --ntfs-union --preset fast "$1" "$WORK/image"
	jq -e '.partitions[0] | .state == "union" and (.reason | contains("--ntfs-union"))' "$WORK/image/manifest.json" \
		>/dev/null || fail 'the manifest does not tell that the switch was used'
	poison "$WORK/mine" "$SIZE"
	expect_rc 0 salvor restore --free keep --confirm-erase "$SIZE" "$WORK/image" "$WORK/mine"
	"$ORACLE" compare "$1" "$WORK/mine" "$WORK/extents" || fail 'bytes differ'
	replayed "$WORK/mine" "$2"
}

# DIRTY: "union", and not too much of it; without the switch, "whole", and the reason names it
check_map() {
	local used
	salvor map --json "$1" >"$WORK/map.json"
	jq -e '.partitions[0] | .state == "whole" and (.reason | contains("--ntfs-union"))' "$WORK/map.json" >/dev/null ||
		fail "without the switch: $(jq -c '.partitions[0] | [.state, .reason]' "$WORK/map.json")"
	salvor map --json --ntfs-union "$1" >"$WORK/map.json"
	[ "$(jq -r '.partitions[0].state' "$WORK/map.json")" = union ] ||
		fail "$(jq -c '.partitions[0] | [.state, .reason]' "$WORK/map.json")"
	used=$(jq '.used' "$WORK/map.json")
	[ "$used" -lt $((SIZE / 3)) ] || fail "$used of $SIZE bytes would be read"
	note "$used of $SIZE bytes are read"
}

# the map of the other state would do, or this test could not fail
check_blunt() {
	local lost
	salvor map --extents "$WORK/before" >"$WORK/extents"
	poison "$WORK/stale" "$SIZE"
	python3 - "$1" "$WORK/stale" "$WORK/extents" <<-'END'
		import sys
		with open(sys.argv[1], "rb") as src, open(sys.argv[2], "r+b") as dst:
		    for line in open(sys.argv[3]):
		        start, length = map(int, line.split())
		        src.seek(start)
		        dst.seek(start)
		        dst.write(src.read(length))
	END
	lost=$(replayed "$WORK/stale" "$2")
	[ "${lost%% *}" != "$(wc -l <"$WORK/sums")" ] || fail 'nothing is lost by the old map: the test is blunt'
}

variant() {
	local dirty=$WORK/dirty all mine
	note "$1"
	all="$(wc -l <"$WORK/sums") of $(wc -l <"$WORK/sums") files"
	"$LOG" crash "$WORK/before" "$WORK/after" "$dirty" "$2"
	cp --sparse=always "$dirty" "$WORK/full"
	[ "$(replayed "$WORK/full" "$2")" = "$all" ] || fail 'the full copy lost files: the test is wrong'
	check_map "$dirty"
	check_blunt "$dirty" "$2"
	mine=$(through_salvor "$dirty" "$2")
	[ "$mine" = "$all" ] || fail "salvor brought back $mine"
	rows+=("$1 | salvor: $mine | partclone: $(through_partclone "$dirty" "$2")")
}

# what was begun with it goes on with it; what was begun without it is not gone on with
check_resume() {
	local out=$WORK/store/image
	note 'a save that is gone on with'
	mkdir -p "$WORK/store"
	expect_rc 20 with_faults 'image.part/disk.img:w:0:0:I:1:1' "$SALVOR" save --preset fast --threads 1 --ntfs-union "$1" "$out"
	[ -d "$out.part" ] || fail 'the save was not interrupted'
	expect_rc 0 salvor save --resume --json "$1" "$out"
	[ "$(jq -s '.[0].resumed_from' "$WORK/out")" -gt 0 ] || fail "it did not continue: $(head -n 1 "$WORK/out")"
	[ "$(jq -r '.partitions[0].state' "$out/manifest.json")" = union ] || fail 'it went on without the switch'
	rm -rf -- "${out:?}"
	expect_rc 20 with_faults 'image.part/disk.img:w:0:0:I:1:1' "$SALVOR" save --preset fast --threads 1 "$1" "$out"
	expect_rc 6 salvor save --resume --ntfs-union "$1" "$out"
	expect_said 'was begun without --ntfs-union'
	expect_rc 0 salvor save --resume "$1" "$out"
}

make_states
[ "$only" = short ] || variant 'a log of version 1.1' logged-1
variant 'a log of version 2.0' logged-2
check_resume "$WORK/dirty"
[ "$only" = short ] || variant 'no log, the bitmap was not written' lazy
printf '%s\n' '' "${rows[@]}"
