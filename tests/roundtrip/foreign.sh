#!/usr/bin/env bash
# foreign.sh - volumes that Windows and macOS made: their maps are those of other tools, and all that is on them comes back
# SPDX-License-Identifier: GPL-3.0-or-later
#
# tests/data/README.md says where the samples are from. Shadow copies of Windows must come back, too: what they hold is in part
# free space to the NTFS of today. The logs of Windows are read again as if it had not shut down.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/filesystems.sh"
. "$TOP/tests/lib/guest-volumes.sh"
requires jq python3 xz ntfsfix ntfscat fls icat tsk_recover pstat fsstat blkls vshadowmount
work_dir foreign
samples=$TOP/tests/data/foreign
LOG=$TOP/tests/lib/ntfs-log.py

# NAME: the sample becomes $WORK/NAME of $SIZE bytes
unpack() {
	xz -dc "$samples/$1.xz" >"$WORK/$1"
	SIZE=$(stat -c %s "$WORK/$1")
}

# KIND FILE: the hash of all files there, as sleuthkit finds them
tree_of() {
	local how=()
	case $1 in
	apfs) how=(-P apfs -B "$(pstat "$2" | sed -n 's/.*APSB Block Number: //p')") ;;
	hfsplus) how=(-f hfs) ;;
	esac
	rm -rf -- "${WORK:?}/tree"
	mkdir "$WORK/tree"
	tsk_recover -a "${how[@]}" "$2" "$WORK/tree" >"$WORK/out" 2>&1 || fail "tsk_recover: $(cat "$WORK/out")"
	[ "$(find "$WORK/tree" -type f | wc -l)" -ge 3 ] || fail "$2: files are missing to sleuthkit"
	tree_hash "$WORK/tree"
}

# NAME: all of its files are back
same_files() { [ "$(tree_of "${1##*.}" "$WORK/$1")" = "$(tree_of "${1##*.}" "$WORK/$1.mine")" ] || fail "$1: files differ"; }

# NAME: used is what other tools call used
plain() {
	note "$1"
	unpack "$1"
	through_salvor "$1" exact
	same_as_oracle "$1" "${1##*.}" sleuthkit
	[ "$(awk '{ n += $2 } END { print n }' "$WORK/$1.extents")" -le $((SIZE - 65536)) ] || fail "$1: nothing is free"
}

# FILE DIR: what is in its shadow copies, which can be seen in DIR
shadows_of() {
	local copy inode path
	mkdir -p "$2"
	vshadowmount "$1" "$2" >"$WORK/out" 2>&1 || fail "vshadowmount: $(cat "$WORK/out")"
	for copy in "$2"/vss*; do
		fls -r -p -F "$copy" | sed -n 's/^r\/r \([0-9-]*\):\t/\1 /p' | while read -r inode path; do
			echo "${copy##*/} $path $(icat "$copy" "$inode" | sha256sum)"
		done
	done
}

# the newest copy is what it was to the byte; an older one has all of its files
shadows() {
	note 'shadow copies of Windows'
	unpack windows-shadows.ntfs
	through_salvor windows-shadows.ntfs exact
	same_files windows-shadows.ntfs
	cleanup_fn close_shadows
	shadows_of "$WORK/windows-shadows.ntfs" "$WORK/before" >"$WORK/before.sums"
	shadows_of "$WORK/windows-shadows.ntfs.mine" "$WORK/after" >"$WORK/after.sums"
	[ "$(cut -d ' ' -f 1 "$WORK/before.sums" | sort -u | wc -l)" -eq 2 ] || fail 'there are no two shadow copies'
	diff "$WORK/before.sums" "$WORK/after.sums" || fail 'files of shadow copies differ'
	cmp "$WORK/before/vss2" "$WORK/after/vss2" || fail 'the newest shadow copy is another one'
	# this is what today's NTFS alone would lose
	free_extents ntfs "$WORK/windows-shadows.ntfs" "$WORK/free"
	printf '0 %d %s\n' "$SIZE" "$WORK/free" >"$WORK/parts"
	"$ORACLE" used "$SIZE" "$WORK/parts" >"$WORK/used"
	! cmp -s "$WORK/used" "$WORK/windows-shadows.ntfs.extents" || fail 'no shadow copy holds anything: the test is blunt'
	close_shadows
	damaged_shadows
}

close_shadows() {
	local dir
	for dir in "$WORK/before" "$WORK/after"; do
		! mountpoint -q "$dir" || fusermount -u "$dir"
	done
}

damaged_shadows() {
	note 'their records are damaged'
	printf '\xff' | dd of="$WORK/windows-shadows.ntfs" bs=1 seek=$((0x17e4000)) conv=notrunc status=none
	salvor map --json "$WORK/windows-shadows.ntfs" >"$WORK/map.json"
	jq -e '.partitions[0] | .state == "whole" and (.reason | contains("shadow copies are damaged"))' "$WORK/map.json" >/dev/null ||
		fail "$(jq -c '.partitions[0]' "$WORK/map.json")"
}

# NAME [more]: with its log in use again, all of the clean map is in the union's, which has more
windows_log() {
	note "the log of $1, not closed"
	unpack "$1"
	salvor map --extents "$WORK/$1" >"$WORK/clean"
	"$LOG" reopen "$WORK/$1"
	salvor map --json "$WORK/$1" >"$WORK/map.json"
	jq -e '.partitions[0].state == "whole"' "$WORK/map.json" >/dev/null || fail 'a log in use is no reason'
	salvor map --json --ntfs-union "$WORK/$1" >"$WORK/map.json"
	jq -e '.partitions[0].state == "union"' "$WORK/map.json" >/dev/null || fail "$(jq -c '.partitions[0]' "$WORK/map.json")"
	salvor map --extents --ntfs-union "$WORK/$1" >"$WORK/union"
	[ "${2:-}" != more ] || ! cmp -s "$WORK/clean" "$WORK/union" || fail 'nothing came of the log'
	python3 - "$WORK/clean" "$WORK/union" <<-'END' || fail 'the union has less than the map'
		import sys
		clean, union = ([tuple(map(int, line.split())) for line in open(name)] for name in sys.argv[1:])
		assert all(any(a <= start and start + n <= a + m for a, m in union) for start, n in clean)
	END
	note "$(awk '{ n += $2 } END { print n }' "$WORK/clean") bytes are used, $(awk '{ n += $2 } END { print n }' "$WORK/union") united"
}

for name in windows.ntfs macos.apfs macos.hfsplus; do
	plain "$name"
	same_files "$name"
done
plain macos-encrypted.apfs
note macos-table.hfsplus
unpack macos-table.hfsplus
salvor map --json "$WORK/macos-table.hfsplus" >"$WORK/map.json"
jq -e '.table == "mac" and (.partitions[1] | .fs == "hfsplus" and .state == "exact")' "$WORK/map.json" >/dev/null ||
	fail "$(cat "$WORK/map.json")"
shadows
windows_log windows.ntfs
windows_log windows-shadows.ntfs more # its shadow copies were made and filled while the log was written
