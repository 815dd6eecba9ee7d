#!/usr/bin/env bash
# rescue-image.sh - a failing disk becomes an image with bad areas, also after kills; a save that cannot says how
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [KILLS=N] [SEED=N] rescue-image.sh [all]    N kills at random reads, writes and renames (default 6); then at each rename
# and removal of the sealing, and at every third of its writes and syncs ("all": at each)
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs debugfs python3 jq zstd

work_dir rescue-image
every=3
[ "${1:-}" != all ] || every=1
kills=${KILLS:-6} seed=${SEED:-$$$RANDOM}
RANDOM=$((seed % 32768))
cleanup_fn echo "SEED=$seed"
src=$WORK/src.raw img=$WORK/img

truncate -s 20M "$src"
mke2fs -q -F -t ext4 -b 1024 "$src"
head -c $((3 * MIB)) /dev/urandom >"$WORK/file"
echo "write $WORK/file file" | _debugfs "$src"
before=$(sha "$src")
block=$(debugfs -R 'bmap file 700' "$src" 2>/dev/null)
bad=$((block * 1024)) end=$((block * 1024 + 1024))
# the copy with zeros there is what the image must hold
cp "$src" "$WORK/want"
dd if=/dev/zero of="$WORK/want" bs=1024 seek="$block" count=1 conv=notrunc status=none

failing() { with_faults "$1 src.raw:r:$bad:$end:5" "${@:2}"; }

note 'a save stops there, and names the way'
expect_rc 9 failing '' "$SALVOR" save "$src" "$img"
expect_said "salvor rescue $src $img --image"
rm -rf "$img.part"

note 'nothing is written in a dry run'
expect_rc 0 failing '' "$SALVOR" rescue "$src" "$img" --image --dry-run
[ ! -e "$img.rescue" ] || fail 'a dry run made a folder'
expect_rc 2 failing '' "$SALVOR" rescue "$src" "$img" "$WORK/map" --image

is_image() {
	[ ! -e "$img.rescue" ] || fail 'the copy is still there'
	[ ! -e "$img.part" ] || fail 'the unfinished image is still there'
	expect_rc 3 salvor verify "$img"
	salvor show "$img" --json >"$WORK/show"
	jq -e '.bytes.bad == 1024 and .verified' "$WORK/show" >/dev/null || fail "$(cat "$WORK/show")"
	cat "$img"/disk.img.zst* | zstd -dcq | cmp - "$WORK/want" || fail 'the image is not what was rescued'
	grep -q '^  /file ' "$img/report.txt" || fail 'the file that was hit is not in the report'
	salvor report "$img" --json >"$WORK/report"
	jq -e '.volumes[0].files | length == 1 and .[0].paths == ["/file"]' "$WORK/report" >/dev/null || fail "$(cat "$WORK/report")"
}

note 'an image'
expect_rc 3 failing '' "$SALVOR" rescue "$src" "$img" --image
is_image
expect_rc 6 failing '' "$SALVOR" rescue "$src" "$img" --image
rm -r "$img"

note 'killed at random places, each time continued'
for ((i = 0; i < kills; i++)); do
	op=$(printf 'r\nw\nn\nw' | sed -n "$((RANDOM % 4 + 1))p")
	rc=0
	failing "img:$op:0:0:K:$((RANDOM % 40))" "$SALVOR" rescue "$src" "$img" --image >"$WORK/log" 2>&1 || rc=$?
	[ "$rc" -eq 137 ] || [ "$rc" -eq 3 ] || fail "killed: exit $rc: $(cat "$WORK/log")"
	[ "$rc" -eq 3 ] || [ -e "$img" ] || expect_rc 3 failing '' "$SALVOR" rescue "$src" "$img" --image
	rm -rf "$img.rescue"
	is_image
	rm -r "$img"
done

note 'killed while the image is made of the copy, and while the copy is removed'
# what is rescued and not sealed: the first folder of the image is not made
expect_rc 137 failing img.part:d:0:0:K "$SALVOR" rescue "$src" "$img" --image
[ ! -e "$img.part" ] || fail 'sealing has begun'
mv "$img.rescue" "$WORK/rescued"

# OP N: killed there; then the image is whole, and what is left over is told, or the same command makes it
strike() {
	local path=img.part
	[ "$1" != u ] || path=img.rescue
	cp -a "$WORK/rescued" "$img.rescue"
	expect_rc 137 failing "$path:$1:0:0:K:$2:1" "$SALVOR" rescue "$src" "$img" --image
	if [ -e "$img" ]; then
		left=$((left + 1))
		expect_rc 6 failing '' "$SALVOR" rescue "$src" "$img" --image
		expect_said 'is left over and can be removed'
		rm -r "$img.rescue"
	else
		expect_rc 3 failing '' "$SALVOR" rescue "$src" "$img" --image
	fi
	is_image
	rm -r "$img"
}

cp -a "$WORK/rescued" "$img.rescue"
expect_rc 3 with_log "$WORK/ops" "$img." failing '' "$SALVOR" rescue "$src" "$img" --image
is_image
rm -r "$img"
left=0 struck=0
for op in w s n u; do
	of=$(grep -c "^$op .*$([ "$op" = u ] && echo img.rescue || echo img.part)" "$WORK/ops")
	step=$every
	[[ $op = [ws] ]] || step=1
	for ((n = 0; n < of; n += step)); do
		strike "$op" "$n"
		struck=$((struck + 1))
	done
done
[ "$left" -ge 4 ] || fail 'no kill came after the image was whole'
echo "$struck kills, $left of them when the image was whole"
unchanged "$src" "$before"
