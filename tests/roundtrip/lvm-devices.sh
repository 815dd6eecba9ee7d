#!/usr/bin/env bash
# lvm-devices.sh - which devices count as the other disks of a volume group: attached ones and partitions; never the target
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/lvm.sh"
requires jq lvm mke2fs sfdisk
requires_loop
work_dir lvm-devices
cd "$WORK"
SIZE=$((181 * MIB))

# PATTERN [OPTION...] SOURCE: what the map says of the volume: state, what was read for it, reason
told() {
	expect_rc 0 salvor map --json "${@:2}"
	says "$1" <out
}

says() {
	jq -r '.partitions[0] | "\(.state) [\(.inside)] \(.reason)"' | tee state
	has -E "$1" <state || fail "not: $1"
}

# PATTERN SOURCE TARGET FILE: the same of the plan of a clone; and a rescue reads as much, by its clusters a little more
planned() {
	local size rescued used
	size=$(blockdev --getsize64 "$3")
	expect_rc 0 salvor clone --dry-run --json --confirm-erase "$size" "$2" "$3"
	jq -c 'select(.type == "plan")' out >plan
	says "$1" <plan
	rm -f rescue.map*
	cp --sparse=always "$4" kept
	expect_rc 0 salvor rescue --domain used --confirm-erase "$size" "$2" "$3" rescue.map
	cp kept "$4"
	used=$(jq .used plan)
	rescued=$(awk '$3 == "+" { print $2 }' rescue.map | while read -r len; do echo $((len)); done | awk '{ n += $1 } END { print n }')
	echo "$used bytes in use, $rescued rescued"
	((used <= rescued && rescued < used + 16 * MIB)) || fail 'the rescue has another map'
}

# FILE FIRST [SECOND]: a disk with that in its partitions; its nodes are ${LOOP}p1, ${LOOP}p2
make_disk() {
	local n start file=$1
	shift
	truncate -s $(((2 + 182 * $#) * MIB)) "$file"
	{ echo 'label: gpt' && for n; do echo "size=181MiB"; done; } | write_table "$file" 512
	while read -r n start _; do
		put_in "${!n}" "$file" "$start"
	done < <(list_partitions "$file" 512)
	attach_parts "$file"
}

note 'disks that are attached'
mkdir old
make_group_of_two "$WORK/old" "$SIZE"
for volume in linear:20 striped:22 mixed:19; do
	make_fs ext4 volume $((${volume#*:} * 4 * MIB)) 512
	lay put "${volume%:*}" volume old
done
both="^exact \[vg lies on $LOOP_B, too\] null\$"
told "$both" "$LOOP_A"
told "$both" --with "$LOOP_B" --with old/b --with old/a "$LOOP_A"

note 'a copy of the source, and one of the other disk, on a third one: both count, unless it is the target'
for copied in a b; do
	cp --sparse=always old/$copied third
	attach_loop third 512
	told 'two attached disks say that they are its physical volume' "$LOOP_A"
	planned "$both" "$LOOP_A" "$LOOP" third
	detach_loop "$LOOP"
done

note 'the target is no other disk, even when it looks like the one that is missing'
detach_loop "$LOOP_B"
attach_loop third 512
told "^exact \[vg lies on $LOOP, too\] null\$" "$LOOP_A"
planned 'the disk with its physical volume .* is not attached' "$LOOP_A" "$LOOP" third
expect_rc 0 salvor clone --dry-run --json --with third --confirm-erase "$SIZE" "$LOOP_A" "$LOOP"
jq -c 'select(.type == "plan")' out | says 'the disk with its physical volume .* is not attached'
detach_loop "$LOOP"
detach_loop "$LOOP_A"

note 'a partition: the one beside it, also where the disk is named; and as the target'
make_disk two old/a old/b
node=$LOOP
pair="^exact \[vg lies on ($node|two), too\] null\$"
told "$pair" "${node}p1"
told "$pair" --with two --with "$node" --with "${node}p2" "${node}p1"
make_disk target old/a
told 'two attached disks say that they are its physical volume' "${node}p1"
planned "$pair" "${node}p1" "${LOOP}p1" target
detach_loop "$LOOP"
