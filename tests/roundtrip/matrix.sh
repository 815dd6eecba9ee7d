#!/usr/bin/env bash
# matrix.sh - one cell of the matrix: a table, a sector size, a filesystem; empty, full, fragmented, and aged
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: matrix.sh gpt|msdos|none 512|4096 ext2|ext3|ext4|ntfs|fat12|fat16|fat32|xfs|exfat|f2fs|hfsplus|swap|btrfs
# Save and verify the disk, restore it with --free keep to a file and to a loop device, and clone it to a file, that
# were full of 0xA5; the used bytes, the checkers, the trees, the table and the source are compared.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"

table=$1 sector=$2 kind=$3
requires jq python3 sfdisk dumpe2fs mke2fs mkntfs mkfs.fat mcopy fsstat blkls ntfscat
case $kind in
ntfs) requires_fuse ;;
f2fs) requires mkfs.f2fs sload.f2fs dump.f2fs fsck.f2fs ;;
hfsplus) requires tsk_recover ;;
xfs | btrfs) requires_kernel_fs "$kind" ;;
exfat)
	requires mkfs.exfat fsck.exfat mount.exfat-fuse
	requires_loop
	requires_fuse
	;;
esac
[ "$sector" = 512 ] || [ "$table" = none ] || requires_loop
work_dir "matrix-$table-$sector-$kind"

# MiB of a partition, just large enough for the files and for the type to be what its name says
partition_mib() {
	case $kind-$sector in
	fat12-*) echo 8 ;;
	fat32-512) echo 40 ;;
	fat32-4096) echo 280 ;;
	xfs-*) echo 40 ;;
	swap-*) echo 8 ;;
	btrfs-*) echo 120 ;;
	f2fs-*) echo 112 ;;
	*) echo 24 ;;
	esac
}

# sfdisk's name of the partition type
partition_type() {
	case $table-$kind in
	gpt-ext? | gpt-xfs | gpt-btrfs | gpt-f2fs) echo L ;;
	gpt-ntfs | gpt-exfat | gpt-fat1?) echo EBD0A0A2-B9E5-4433-87C0-68B6B72699C7 ;;
	gpt-fat32) echo U ;;
	gpt-hfsplus) echo 48465300-0000-11AA-AA11-00306543ECAC ;;
	*-swap) echo S ;;
	msdos-ext? | msdos-xfs | msdos-btrfs | msdos-f2fs) echo 83 ;;
	msdos-ntfs | msdos-exfat) echo 7 ;;
	msdos-hfsplus) echo af ;;
	msdos-fat12) echo 1 ;;
	msdos-fat16) echo e ;;
	msdos-fat32) echo c ;;
	esac
}

# sfdisk script: on msdos the second and third filesystem are logical partitions
table_script() {
	local mib type
	mib=$(partition_mib) type=$(partition_type)
	echo "label: ${table/msdos/dos}"
	if [ "$table" = msdos ]; then
		printf '%s\n' "start=1MiB, size=${mib}MiB, type=$type, bootable" 'type=5' \
			"size=${mib}MiB, type=$type" "size=${mib}MiB, type=$type"
	else
		printf '%s\n' "start=1MiB, size=${mib}MiB, type=$type" \
			"size=${mib}MiB, type=$type" "size=${mib}MiB, type=$type"
	fi
}

# make one filled volume: FILE BYTES STATE
make_volume() {
	make_fs "$kind" "$1" "$2" "$sector"
	fill_fs "$kind" "$1" "$3" "$WORK/corpus"
}

# DISK STATE...: fills $WORK/parts with "NUMBER START SIZE", one line per state
make_disk() {
	local disk=$1 mib n start size
	shift
	mib=$(partition_mib)
	if [ "$table" = none ]; then
		make_volume "$disk" $((mib * MIB)) "$1"
		echo "0 0 $((mib * MIB))" >"$WORK/parts"
		return
	fi
	rm -f -- "$disk"
	truncate -s $(((mib * 3 + 8) * MIB)) "$disk"
	table_script | write_table "$disk" "$sector"
	list_partitions "$disk" "$sector" >"$WORK/parts"
	while read -r n start size; do
		make_volume "$WORK/volume" "$size" "$1"
		put_in "$WORK/volume" "$disk" "$start"
		shift
	done <"$WORK/parts"
	[ $# -eq 0 ] || fail "no partition for: $*"
	# something in the gaps, as a boot loader would be; they must be carried over
	printf 'core.img of a boot loader' | dd of="$disk" bs=1 seek=$((40 * sector)) conv=notrunc status=none
}

# what must be read by the oracle: $WORK/used; its sum per partition: $WORK/used.N
oracle_used() {
	local disk=$1 n start size
	: >"$WORK/oracle-parts"
	while read -r n start size; do
		cut_out "$disk" "$WORK/volume" "$start" "$size"
		free_extents "$kind" "$WORK/volume" "$WORK/free.$n"
		echo "0 $size $WORK/free.$n" >"$WORK/one-part"
		# the last MiB of a partition is the last MiB of this little disk, too
		"$ORACLE" used "$size" "$WORK/one-part" | awk '{ s += $2 } END { printf "%d\n", s }' >"$WORK/used.$n"
		echo "$start $size $WORK/free.$n" >>"$WORK/oracle-parts"
	done <"$WORK/parts"
	"$ORACLE" used "$(stat -c %s "$disk")" "$WORK/oracle-parts" >"$WORK/used"
}

# the map must be the oracle's, range for range, and each partition exact
check_map() {
	local disk=$1 n start size
	expect_rc 0 salvor map --sector-size "$sector" --extents "$disk"
	cmp "$WORK/out" "$WORK/used" || {
		diff "$WORK/out" "$WORK/used" | head -n 20 >&2
		fail 'the ranges that would be read are not those of the oracle (<: salvor, >: oracle)'
	}
	expect_rc 0 salvor map --sector-size "$sector" --json "$disk"
	cp "$WORK/out" "$WORK/map.json"
	[ "$(jq -r '.table' "$WORK/map.json")" = "$table" ] || fail "table is $(jq .table "$WORK/map.json")"
	[ "$(jq -r '.sector_size' "$WORK/map.json")" = "$sector" ] || fail 'sector size'
	while read -r n start size; do
		jq -e --argjson n "$n" --argjson start "$start" --argjson size "$size" \
			--argjson used "$(cat "$WORK/used.$n")" --arg fs "$(blkid_name)" \
			'.partitions[] | select(.number == $n) | .start == $start and .size == $size and
			.used == $used and .state == "exact" and .fs == $fs' "$WORK/map.json" >/dev/null || {
			jq -c '.partitions[]' "$WORK/map.json" >&2
			fail "partition $n: want $start $size, used $(cat "$WORK/used.$n"), exact"
		}
	done <"$WORK/parts"
}

# what libblkid calls the filesystem
blkid_name() {
	case $kind in
	fat*) echo vfat ;;
	*) echo "$kind" ;;
	esac
}

# DISK FILE-WITH-HASHES: one tree hash per partition
hash_trees() {
	local n start size
	while read -r n start size; do
		cut_out "$1" "$WORK/volume" "$start" "$size"
		check_fs "$kind" "$WORK/volume"
		echo "$n $(fs_hash "$kind" "$WORK/volume")"
	done <"$WORK/parts" >"$2"
}

# SOURCE TARGET WHAT
check_restored() {
	local source=$1 target=$2
	"$ORACLE" compare "$source" "$target" "$WORK/used" || fail "$3: bytes differ"
	if [ "$table" != none ]; then
		dump_table "$target" "$sector" >"$WORK/table.target"
		cmp "$WORK/table.source" "$WORK/table.target" || fail "$3: the table differs"
	fi
	hash_trees "$target" "$WORK/trees.target"
	cmp "$WORK/trees.source" "$WORK/trees.target" || fail "$3: the trees differ"
}

# one disk through the whole path: STATE...
round_trip() {
	local disk=$WORK/disk.img target=$WORK/target.img size before
	note "$table $sector $kind: $*"
	make_disk "$disk" "$@"
	size=$(stat -c %s "$disk")
	[ "$table" = none ] || dump_table "$disk" "$sector" >"$WORK/table.source"
	hash_trees "$disk" "$WORK/trees.source"
	oracle_used "$disk"
	before=$(sha "$disk")

	check_map "$disk"
	expect_rc 0 salvor save --sector-size "$sector" --preset fast "$disk" "$WORK/image"
	expect_rc 0 salvor verify "$WORK/image"
	expect_rc 0 salvor verify "$WORK/image" --against "$disk" --sector-size "$sector"
	[ "$(sha "$disk")" = "$before" ] || fail 'the source has changed'

	poison "$target" "$size"
	expect_rc 0 salvor restore --free keep --confirm-erase "$size" "$WORK/image" "$target"
	check_restored "$disk" "$target" 'file'

	poison "$target" "$size"
	expect_rc 0 salvor clone --sector-size "$sector" --confirm-erase "$size" "$disk" "$target"
	check_restored "$disk" "$target" 'clone'
	[ "$(sha "$disk")" = "$before" ] || fail 'the source has changed'

	if have_loop; then
		poison "$target" "$size"
		attach_loop "$target" "$sector"
		expect_rc 0 salvor restore --free keep --confirm-erase "$size" "$WORK/image" "$LOOP"
		detach_loop "$LOOP"
		check_restored "$disk" "$target" 'loop device'
	fi
	rm -rf -- "${WORK:?}/image" "$target"
}

make_corpus "$WORK/corpus" 120
if [ "$table" = none ]; then
	states=(empty full fragmented)
	case $kind in
	xfs | btrfs | exfat | ntfs | fat*) states+=(aged) ;;
	ext?)
		if have_loop && grep -qw "$kind" /proc/filesystems; then
			states+=(aged)
		else
			note "not aged: this kernel does not mount $kind here"
		fi
		;;
	esac
	for state in "${states[@]}"; do
		round_trip "$state"
	done
else
	round_trip empty full fragmented
fi
have_loop || skip 'restoring to a device needs loop devices (root); everything else passed'
