#!/usr/bin/env bash
# report-disks.sh - which files were hit in volumes that lie on two disks, linear and striped, of which one is lost in part
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [SEED=N] report-disks.sh    bad places by chance, the same each time unless SEED says otherwise
# They are made for the volumes inside and put where lvm-lay.py, which knows what the device mapper does, has their bytes on
# one disk; what is reported must be what debugfs says of the volume put together.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/faults.sh"
. "$TOP/tests/lib/inside.sh"
. "$TOP/tests/lib/lvm.sh"
requires jq lvm mke2fs e2fsck dumpe2fs debugfs python3
requires_loop
work_dir report-disks
cd "$WORK"
seed=${SEED:-1}
cleanup_fn echo "SEED=$seed"
SIZE=$((181 * MIB))

# COUNT DISK: maps of so many bad places in each volume, NAME.map.DISK as far as they are on the disk, and DISK.map of them all
bad_places() {
	local name args=()
	for name in linear striped mixed; do
		"$owners" make ext volume.$name $name.map $((seed++)) "$1"
		"$inside" here $name.map "$name.places.$2" "$name.map.$2"
		args+=("$name.map.$2" "$name.places.$2")
	done
	"$inside" map "$SIZE" "$2.map" "${args[@]}"
}

# DISK: what is said of each volume, against debugfs
judge_all() {
	local name
	echo "disk $1"
	for name in linear striped mixed; do judge vg/$name ext volume.$name $name.map."$1"; done
	reported '[.volumes[] | .reason] == [null, null, null, null]'
	reported '[.volumes[].name] == [null, "vg/linear", "vg/striped", "vg/mixed"]'
	reported '.volumes[0] | .in_volumes == .lost and .in_files == 0'
}

note 'a group of two disks'
mkdir old
make_group_of_two "$WORK/old" "$SIZE"
make_tree "$seed"
# so that there are files in both halves
head -c $((50 * MIB)) /dev/urandom >tree/large.bin
for volume in linear:20 striped:22 mixed:19; do
	name=${volume%:*}
	ext_volume "volume.$name" $((${volume#*:} * 4))M -b 1024
	lay put "$name" "volume.$name" old
	for disk in a b; do
		node=$([ $disk = a ] && echo "$LOOP_A" || echo "$LOOP_B")
		"$TOP/tests/lib/lvm-lay.py" places "$node" <"segments.$name" >"$name.places.$disk"
	done
done
detach_both

note 'one disk is lost in part, the other one is named'
for disk in a b; do
	other=$([ $disk = a ] && echo b || echo a)
	sum=$(sha old/"$other")
	bad_places 160 $disk
	cp --sparse=always old/$disk copy.$disk
	"$owners" poison copy.$disk $disk.map
	look $disk.map copy.$disk --with old/"$other"
	judge_all $disk
	unchanged old/"$other" "$sum"
	# the disk that the copy is of is no other
	look $disk.map copy.$disk --with old/"$other" --with copy.$disk
	judge_all $disk
done

note 'without the other disk: what would help is told, and nothing else'
look a.map copy.a
reported '[.volumes[1:][] | select(.reason | test("^the disk with its physical volume [0-9A-Za-z-]{38} is not attached \\(see --with\\)$"))] | length == 3'
reported '.volumes[0] | .unknown == .lost and .in_volumes == 0'
reported '[.volumes[1:][].lost] | add == '"$(jq .volumes[0].lost report)"
expect_rc 0 salvor report a.map --copy copy.a
has 'see --with' <out || fail "$(head -n 30 out)"
expect_rc 5 salvor report a.map --copy copy.a --with nothing

note 'another one than was used together with this one, and one that is there twice'
cp old/b twin.b
look a.map copy.a --with old/b --with twin.b
reported '[.volumes[1:][] | select(.reason | test("two attached disks say that they are its physical volume"))] | length == 3'
mkdir other
cp old/a old/b other
attach_both "$WORK/other"
lvm2 vgchange --addtag later vg >/dev/null
detach_both
look a.map copy.a --with other/b
reported '[.volumes[1:][] | select(.reason | test("its LVM metadata is not the same"))] | length == 3'

note 'rescue: its own report tells the same, and so does that of the map, and of images'
bad_places 9 a
cp --sparse=always old/a copy.a
"$owners" poison copy.a a.map
look a.map copy.a --with old/b
reported '[.volumes[1:][].files[]] | length > 2'
jq -S .volumes report >volumes
# REPORT [JQ-FILTER]: it tells the same of the volumes
the_same() {
	cmp <(jq -S ".volumes${2-}" "$1") <(jq -S ".${2-}" volumes) ||
		fail "$(jq -r '.volumes[] | "\(.name) \(.fs) \(.reason) \(.lost) \(.in_files)"' "$1")"
}
ranges=()
while read -r start length state; do
	[ "$state" != - ] || ranges+=("$((start))-$((start + length))")
done < <(grep '^0x.*0x' a.map)
unreadable old/a "${ranges[@]}"
src=$WORK/old/a
expect_rc 3 rescue -- rescued rescued.map --with old/b
expect_rc 0 salvor report rescued.map --with old/b
cmp out rescued.map.report.txt || fail 'the report beside the map is not that of salvor report'
# the disk itself looks like its copy, and is not taken for one of the others
for with in old/b old/a; do
	look rescued.map rescued --with old/b --with $with
	the_same report
done
expect_rc 3 rescue -- image --image --domain used --with old/b
# what is free was not read
expect_rc 0 salvor report image --json --with old/b
the_same out '[].files'
expect_rc 3 with_faults "${unreadable[*]}" "$SALVOR" save --preset fast --on-error skip --with old/b old/a saved
expect_rc 0 salvor report saved --json --with old/b --with old/a
the_same out '[].files'
