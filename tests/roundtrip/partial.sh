#!/usr/bin/env bash
# partial.sh - a save of some partitions: the others are absent, and absent is never written
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir partial

disk=$WORK/disk.img target=$WORK/target.img
make_small_disk "$disk"
size=$(stat -c %s "$disk")
before=$(sha "$disk")

note 'save partitions 1 and 3'
expect_rc 0 salvor save --preset fast --partitions 1,3 "$disk" "$WORK/image"
expect_rc 0 salvor verify "$WORK/image"
expect_rc 0 salvor verify "$WORK/image" --against "$disk"
expect_rc 0 salvor show "$WORK/image"
grep -qi absent "$WORK/out" || fail 'show does not say what is absent'
unchanged "$disk" "$before"

note 'restored whole: table and saved partitions are written, the rest of the target stays'
poison "$target" "$size"
expect_rc 0 salvor restore --confirm-erase "$size" "$WORK/image" "$target"
cat "$WORK/out" "$WORK/err" | has -i -e partial -e absent -e 'not in the image' -e 'not selected' ||
	fail 'restore does not say that the image is partial'
diff <(dump_table "$disk" 512) <(dump_table "$target" 512) || fail 'the table differs'
same_trees "$disk" "$target" 1
same_trees "$disk" "$target" 3
for n in 2 4; do
	partition_range "$n"
	cut_out "$target" "$WORK/got" "$START" "$SIZE"
	poison "$WORK/want" "$SIZE"
	# the last MiB of the disk holds the backup table; partition 4 ends before it
	cmp "$WORK/got" "$WORK/want" || fail "partition $n is absent, and was written to"
done

note 'an absent partition cannot be restored'
expect_rc 5 salvor restore --partition 2 "$WORK/image" "$WORK/none.img"
[ ! -e "$WORK/none.img" ] || fail 'a target was made for nothing'
expect_rc 0 salvor restore --partition 3 "$WORK/image" "$WORK/three.img"
check_fs ext2 "$WORK/three.img"

note 'partitions that are not there'
expect_rc 5 salvor save --partitions 1,7 "$disk" "$WORK/image7"
[ ! -e "$WORK/image7" ] || fail 'an image was made for nothing'

note 'the stream keeps the addressing of the disk'
cat "$WORK"/image/disk.img.zst* | zstd -dcq >"$WORK/raw"
[ "$(stat -c %s "$WORK/raw")" = "$size" ] || fail 'the stream has another size'
cut_out "$WORK/raw" "$WORK/got" "$START" "$SIZE"
cmp -n "$SIZE" "$WORK/got" /dev/zero || fail 'an absent partition is not zeros in the stream'
