#!/usr/bin/env bash
# apfs.sh - APFS with files, several volumes, a snapshot: saved and restored onto other bytes, judged by apfsck and sleuthkit
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: apfs.sh    Containers of macOS are in foreign.sh. The apfsck of Debian 12 knows neither snapshots nor encryption.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/filesystems.sh"
. "$TOP/tests/lib/guest-volumes.sh"
requires jq python3 mkapfs apfsck pstat tsk_recover
work_dir apfs

# FILE: the hash of all files of its first volume
tree_of() {
	rm -rf -- "${WORK:?}/tree"
	mkdir "$WORK/tree"
	tsk_recover -a -P apfs -B "$(pstat "$1" | sed -n 's/.*APSB Block Number: //p' | head -n 1)" "$1" \
		"$WORK/tree" >"$WORK/out" 2>&1 || fail "tsk_recover: $(cat "$WORK/out")"
	[ "$(find "$WORK/tree" -type f | wc -l)" -ge 30 ] || fail "$1: files are missing to sleuthkit"
	tree_hash "$WORK/tree"
}

# NAME SIZE OPTION...: of apfs-fill.py
round_trip() {
	note "$1"
	SIZE=$2
	rm -f -- "$WORK/$1"
	truncate -s "$SIZE" "$WORK/$1"
	mkapfs -L label "$WORK/$1"
	"$TOP/tests/lib/apfs-fill.py" "$WORK/$1" "${@:3}"
	through_salvor "$1" exact
}

round_trip filled $((1100 * MIB)) --volumes 2 --files 150
same_as_oracle filled apfs sleuthkit
apfsck -cuw "$WORK/filled.mine" || fail 'apfsck finds errors in what was restored'
[ "$(tree_of "$WORK/filled")" = "$(tree_of "$WORK/filled.mine")" ] || fail 'files differ'
rm -f "$WORK"/filled*
round_trip snapshot $((140 * MIB)) --snapshot --files 90
same_as_oracle snapshot apfs sleuthkit
[ "$(tree_of "$WORK/snapshot")" = "$(tree_of "$WORK/snapshot.mine")" ] || fail 'files differ'
rm -f "$WORK"/snapshot*
round_trip encrypted $((140 * MIB)) --encrypt 0 # without keys sleuthkit looks at nothing of it; foreign.sh has a real one

note 'a bitmap that calls free what is used: whole'
python3 - "$WORK/encrypted" <<'END'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    data = f.read(24000 * 4096)
    cib = next(b for b in range(20000, 24000) if struct.unpack_from("<H", data, b * 4096 + 24)[0] == 7)
    at = struct.unpack_from("<Q", data, cib * 4096 + 64)[0] * 4096
    bits = bytearray(data[at:at + 4096])
    for block in (next(b for b in range(6000, 9000) if bits[b // 8] >> b % 8 & 1), 25000):  # content, free
        bits[block // 8] ^= 1 << block % 8
    f.seek(at)
    f.write(bits)
END
salvor map --json "$WORK/encrypted" >"$WORK/map.json"
jq -e '.partitions[0] | .state == "whole" and (.reason | test("what its volumes use"))' "$WORK/map.json" >/dev/null ||
	fail "$(jq -c '.partitions[0]' "$WORK/map.json")"
