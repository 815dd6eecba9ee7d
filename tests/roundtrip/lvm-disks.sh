#!/usr/bin/env bash
# lvm-disks.sh - a volume group over two disks: linear and striped volumes, saved disk by disk, restored onto 0xA5
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The volumes are made by lvm2 without the device mapper (metadata only) and laid out by a few lines of Python that know
# what dm-striped does. tests/guest/lvm.sh has the same with the kernel's own.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/lvm.sh"
requires jq lvm mke2fs e2fsck dumpe2fs debugfs mkswap
requires_loop
work_dir lvm-disks

SIZE=$((181 * MIB))

note 'a group of two disks'
mkdir "$WORK/old" "$WORK/new"
for disk in a b; do
	poison "$WORK/new/$disk" "$SIZE"
done
make_group_of_two "$WORK/old" "$SIZE"
detach_both

make_corpus "$WORK/corpus" 100
for volume in linear:20 striped:22 mixed:19; do
	name=${volume%:*} file=$WORK/volume.${volume%:*}
	make_fs ext4 "$file" $((${volume#*:} * 4 * MIB)) 512
	fill_fs ext4 "$file" fragmented "$WORK/corpus"
	fs_hash ext4 "$file" >"$WORK/hash.$name"
	lay put "$name" "$file" "$WORK/old"
	lay get "$name" "$WORK/back" "$WORK/old"
	cmp "$file" "$WORK/back" || fail 'the tool that lays volumes out is wrong'
done

note 'each disk, with the other one named, and alone'
for disk in a b; do
	other=$([ $disk = a ] && echo b || echo a)
	expect_rc 0 salvor map --json --with "$WORK/old/$other" "$WORK/old/$disk"
	cp "$WORK/out" "$WORK/map.$disk"
	jq -r '.partitions[0] | "\(.fs) \(.state) \(.used) of \(.size) [\(.inside)] \(.reason)"' "$WORK/map.$disk" | tee "$WORK/state"
	has '^LVM2_member exact .* \[vg lies on .*, too\]' <"$WORK/state" || fail 'the volumes were not looked into'
	expect_rc 0 salvor map --json "$WORK/old/$disk"
	jq -r '.partitions[0] | "\(.state) \(.used) \(.reason)"' "$WORK/out" | tee "$WORK/state"
	has '^union .* is read whole: the disk with its physical volume .* is not attached' <"$WORK/state" || fail 'a disk that is missing'
	[ "$(jq .used "$WORK/out")" -gt "$(($(jq .used "$WORK/map.$disk") + 40 * MIB))" ] || fail 'the other disk is of no use'
done

note 'saved, restored onto 0xA5, put together'
for disk in a b; do
	other=$([ $disk = a ] && echo b || echo a)
	sum_a=$(sha "$WORK/old/a") sum_b=$(sha "$WORK/old/b")
	expect_rc 0 salvor save --preset fast --with "$WORK/old/$other" "$WORK/old/$disk" "$WORK/image.$disk"
	expect_rc 0 salvor restore --free keep --confirm-erase "$SIZE" "$WORK/image.$disk" "$WORK/new/$disk"
	expect_rc 0 salvor map --extents --with "$WORK/old/$other" "$WORK/old/$disk"
	"$ORACLE" compare "$WORK/old/$disk" "$WORK/new/$disk" "$WORK/out"
	unchanged "$WORK/old/a" "$sum_a"
	unchanged "$WORK/old/b" "$sum_b"
done
attach_both "$WORK/new"
lvm2 vgck vg
for volume in linear striped mixed; do
	segments_of $volume >"$WORK/segments.$volume"
done
detach_both
for name in linear striped mixed; do
	lay get $name "$WORK/back" "$WORK/new"
	check_fs ext4 "$WORK/back"
	[ "$(fs_hash ext4 "$WORK/back")" = "$(cat "$WORK/hash.$name")" ] || fail "the files of $name differ"
done
