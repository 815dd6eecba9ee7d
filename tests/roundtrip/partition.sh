#!/usr/bin/env bash
# partition.sh - one partition alone: restored to a file, into another disk's partition, to a node; saved from a node
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
work_dir partition

disk=$WORK/disk.img
make_small_disk "$disk"
before=$(sha "$disk")
expect_rc 0 salvor save --preset fast "$disk" "$WORK/image"

note 'to a file that does not exist: created, no confirmation needed'
partition_range 2
cut_out "$disk" "$WORK/want" "$START" "$SIZE"
printf '0 %s %s\n' "$SIZE" "$WORK/free.2" >"$WORK/one"
"$ORACLE" used "$SIZE" "$WORK/one" >"$WORK/used.2"
expect_rc 0 salvor restore --partition 2 "$WORK/image" "$WORK/new.img"
"$ORACLE" zeros "$WORK/want" "$WORK/new.img" "$WORK/used.2"
check_fs ext4 "$WORK/new.img"
[ "$(fs_hash ext4 "$WORK/new.img")" = "$(partition_hash "$disk" 2)" ] || fail 'other files'

note 'to an existing file: only with its size as confirmation'
poison "$WORK/old.img" "$SIZE"
hash=$(sha "$WORK/old.img")
expect_rc 6 salvor restore --partition 2 "$WORK/image" "$WORK/old.img"
expect_rc 6 salvor restore --partition 2 --confirm-erase 1234 "$WORK/image" "$WORK/old.img"
unchanged "$WORK/old.img" "$hash"
expect_rc 0 salvor restore --partition 2 --confirm-erase "$SIZE" "$WORK/image" "$WORK/old.img"
"$ORACLE" compare "$WORK/want" "$WORK/old.img" "$WORK/used.2"

note 'a partition that is not in the image'
expect_rc 5 salvor restore --partition 9 "$WORK/image" "$WORK/none.img"
[ ! -e "$WORK/none.img" ] || fail 'a target was made for nothing'

note 'into partition 2 of another disk: its table and its other partitions stay'
other=$WORK/other.img
total=$((80 * MIB))
poison "$other" "$total"
printf '%s\n' 'label: dos' 'start=1MiB, size=10MiB, type=83' 'size=40MiB, type=83' 'size=12MiB, type=83' |
	write_table "$other" 512
list_partitions "$other" 512 >"$WORK/other-parts"
read -r _ ostart osize < <(grep '^2 ' "$WORK/other-parts")
cp "$other" "$WORK/other.before"
expect_rc 6 salvor restore --partition 2:3 --confirm-erase "$total" "$WORK/image" "$other"
expect_said "$((SIZE - 12 * MIB))"
cmp "$other" "$WORK/other.before" || fail 'a refused target was written to'
expect_rc 0 salvor restore --partition 2:2 --confirm-erase "$total" "$WORK/image" "$other"
cut_out "$other" "$WORK/got" "$ostart" "$osize"
head -c "$SIZE" "$WORK/got" >"$WORK/got.fs"
check_fs ext4 "$WORK/got.fs"
[ "$(fs_hash ext4 "$WORK/got.fs")" = "$(partition_hash "$disk" 2)" ] || fail 'other files in 2:2'
# all around the partition must be as it was
cmp -n "$ostart" "$other" "$WORK/other.before" || fail 'written before the partition'
cmp -i $((ostart + osize)) "$other" "$WORK/other.before" || fail 'written behind the partition'
unchanged "$disk" "$before"

if have_loop; then
	note 'to and from the node of a partition'
	attach_parts "$WORK/other.before"
	node=${LOOP}p2
	# without udev the node of a partition may not appear in a container
	if [ -b "$node" ]; then
		expect_rc 0 salvor restore --partition 2 --confirm-erase "$(blockdev --getsize64 "$node")" \
			"$WORK/image" "$node"
		expect_rc 0 salvor save --preset fast "$node" "$WORK/image-of-node"
		expect_rc 0 salvor restore "$WORK/image-of-node" "$WORK/node.img"
		check_fs ext4 "$WORK/node.img"
		[ "$(fs_hash ext4 "$WORK/node.img")" = "$(partition_hash "$disk" 2)" ] || fail 'other files via the node'
	else
		note "no $node here: partition nodes not tried"
	fi
	detach_loop "$LOOP"
fi
