#!/usr/bin/env bash
# stock-tools.sh - zstd, xz and sha256sum alone read, check and restore an image, and find damage
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires zstd xz sha256sum
work_dir stock-tools

disk=$WORK/disk.img
make_small_disk "$disk"
size=$(stat -c %s "$disk")

# IMAGE EXT TOOL: the stream is the raw disk with free space as zeros, and the tool is content
content() {
	local stream=$1/disk.img.$2 tool=$3
	"$tool" -dc "$stream" >"$WORK/raw" || fail "$tool -dc"
	"$ORACLE" zeros "$disk" "$WORK/raw" "$WORK/used" || fail "$tool -dc gives other bytes"
	"$tool" -t "$stream" || fail "$tool -t"
	"$tool" -l "$stream" >"$WORK/list" || fail "$tool -l"
	(cd "$1" && sha256sum --quiet -c SHA256SUMS) || fail 'sha256sum -c'
	# everything that is stored is under SHA256SUMS, itself excepted
	diff <(cd "$1" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort) \
		<(sed 's/^[0-9a-f]* [ *]//' "$1/SHA256SUMS" | LC_ALL=C sort) || fail 'SHA256SUMS is not complete'
	jq -e . "$1/manifest.json" >/dev/null || fail 'manifest.json is not JSON'
	# the exact command and the trap of old zstd must be told next to the image
	grep -q -- "$tool -dc" "$1/README.txt" || fail "README.txt does not name $tool -dc"
	[ -s "$1/report.txt" ] || fail 'no report.txt'
}

for preset in fast normal small; do
	note "zstd, preset $preset"
	expect_rc 0 salvor save --preset "$preset" "$disk" "$WORK/$preset"
	content "$WORK/$preset" zst zstd
done
# decompressed size and check are known without the side files
zstd -lv "$WORK/fast/disk.img.zst" >"$WORK/list" 2>&1
grep -q "($size B)" "$WORK/list" || fail "zstd -lv does not say $size"

note 'xz'
expect_rc 0 salvor save --codec xz --level 0 "$disk" "$WORK/xz"
content "$WORK/xz" xz xz
xz -dc -T0 "$WORK/xz/disk.img.xz" | cmp - "$WORK/raw" || fail 'xz -T0 -dc'
xz -l "$WORK/xz/disk.img.xz" | has CRC64 || fail 'the check is not CRC64'

note 'restored with stock tools alone'
cat "$WORK"/normal/disk.img.zst* | zstd -dc >"$WORK/stock.img"
for n in 1 2 3 4; do
	same_trees "$disk" "$WORK/stock.img" "$n"
done

note 'one flipped bit: found by all, and named by verify'
cp -r "$WORK/normal" "$WORK/damaged"
at=$(($(stat -c %s "$WORK/damaged/disk.img.zst") / 2))
"$ORACLE" flip "$WORK/damaged/disk.img.zst" "$at"
! zstd -tq "$WORK/damaged/disk.img.zst" 2>/dev/null || fail 'zstd -t misses the damage'
! (cd "$WORK/damaged" && sha256sum --status -c SHA256SUMS) || fail 'sha256sum misses the damage'
expect_rc 4 salvor verify "$WORK/damaged"
expect_said 'disk.img.zst'
expect_rc 4 salvor restore "$WORK/damaged" "$WORK/damaged.img"

for file in manifest.json disk.idx SHA256SUMS README.txt report.txt; do
	note "one flipped bit in $file"
	rm -rf -- "${WORK:?}/damaged"
	cp -r "$WORK/normal" "$WORK/damaged"
	"$ORACLE" flip "$WORK/damaged/$file" $(($(stat -c %s "$WORK/damaged/$file") / 2))
	expect_rc 4 salvor verify "$WORK/damaged"
	expect_said "$file"
done

note 'a truncated stream'
rm -rf -- "${WORK:?}/damaged"
cp -r "$WORK/normal" "$WORK/damaged"
truncate -s "$at" "$WORK/damaged/disk.img.zst"
expect_rc 4 salvor verify "$WORK/damaged"
expect_rc 4 salvor restore "$WORK/damaged" "$WORK/damaged2.img"
