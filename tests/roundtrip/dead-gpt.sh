#!/usr/bin/env bash
# dead-gpt.sh - a dead primary GPT is read from its backup; with both dead the disk is read whole
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires sgdisk
work_dir dead-gpt

disk=$WORK/disk.img
make_small_disk "$disk"
size=$(stat -c %s "$disk")
expect_rc 0 salvor map --json "$disk"
jq -S .partitions "$WORK/out" >"$WORK/partitions.sound"

# FIRST COUNT: overwrite sectors of the disk with rubbish
kill_sectors() {
	head -c $(($2 * 512)) /dev/urandom | dd of="$disk" bs=512 seek="$1" conv=notrunc status=none
}

# the map and a whole round trip on a disk whose primary is dead
like_before() {
	local hash n
	hash=$(sha "$disk")
	expect_rc 0 salvor map --json "$disk"
	[ "$(jq -r .table "$WORK/out")" = gpt ] || fail "the table is called $(jq .table "$WORK/out")"
	jq -S .partitions "$WORK/out" | diff "$WORK/partitions.sound" - || fail 'other partitions'
	expect_rc 0 salvor map --extents "$disk"
	cmp "$WORK/out" "$WORK/used" || fail 'other ranges'
	rm -rf -- "${WORK:?}/image"
	expect_rc 0 salvor save --preset fast "$disk" "$WORK/image"
	expect_rc 0 salvor verify "$WORK/image" --against "$disk"
	poison "$WORK/target.img" "$size"
	expect_rc 0 salvor restore --confirm-erase "$size" "$WORK/image" "$WORK/target.img"
	for n in 1 2 3 4; do
		same_trees "$disk" "$WORK/target.img" "$n"
	done
	unchanged "$disk" "$hash"
}

cp "$disk" "$WORK/sound.img"
note 'primary header dead'
kill_sectors 1 1
like_before

note 'primary entries dead, header sound'
cp "$WORK/sound.img" "$disk"
kill_sectors 2 32
like_before

note 'header and entries dead'
kill_sectors 1 33
like_before

note 'protective MBR gone as well: all of the first 34 sectors'
kill_sectors 0 34
expect_rc 0 salvor map --json "$disk"
[ "$(jq -r .table "$WORK/out")" != msdos ] || fail 'rubbish taken for an MBR'

note 'both GPTs dead: nothing is free'
kill_sectors $((size / 512 - 33)) 33
expect_rc 0 salvor map --json "$disk"
[ "$(jq -r .used "$WORK/out")" = "$size" ] || fail "not the whole disk is read: $(jq .used "$WORK/out")"
rm -rf -- "${WORK:?}/image"
expect_rc 0 salvor save --preset fast "$disk" "$WORK/image"
expect_rc 0 salvor restore "$WORK/image" "$WORK/whole.img"
cmp "$disk" "$WORK/whole.img" || fail 'a disk that was read whole came back different'
