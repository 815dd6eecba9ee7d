#!/usr/bin/env bash
# clone.sh - a disk straight onto another one: content, larger targets, every refusal, unreadable sources; the source stays as it was
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires jq python3 sfdisk sgdisk dumpe2fs mke2fs mkntfs mkfs.fat mcopy fsstat blkls ntfscat
requires_fuse
work_dir clone

disk=$WORK/disk.img target=$WORK/target.img
kinds=(- fat16 ext4 ntfs swap)

# gpt|msdos: the sfdisk script of a disk whose partitions, extended ones left out, are of those kinds
table_script() {
	if [ "$1" = gpt ]; then
		printf '%s\n' 'label: gpt' 'start=2MiB, size=16MiB, type=U' 'size=24MiB, type=L' \
			'size=20MiB, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7' 'size=8MiB, type=S'
	else
		printf '%s\n' 'label: dos' 'start=1MiB, size=16MiB, type=e' 'type=5' \
			'size=24MiB, type=83' 'size=20MiB, type=7' 'size=8MiB, type=S'
	fi
}

# gpt|msdos: makes $disk; leaves "NUMBER START SIZE KIND" in $WORK/parts, what must be read in $WORK/used
mixed_disk() {
	local n start bytes kind i=0 states=(- fragmented full fragmented empty)
	rm -f -- "$disk"
	truncate -s $((80 * MIB)) "$disk"
	table_script "$1" | write_table "$disk" 512
	rm -f -- "$WORK/parts" "$WORK/oracle-parts"
	list_partitions "$disk" 512 >"$WORK/listed"
	while read -r n start bytes; do
		i=$((i + 1))
		kind=${kinds[i]}
		make_fs "$kind" "$WORK/volume" "$bytes" 512
		fill_fs "$kind" "$WORK/volume" "${states[i]}" "$WORK/corpus"
		put_in "$WORK/volume" "$disk" "$start"
		free_extents "$kind" "$WORK/volume" "$WORK/free.$n"
		echo "$start $bytes $WORK/free.$n" >>"$WORK/oracle-parts"
		echo "$n $start $bytes $kind" >>"$WORK/parts"
	done <"$WORK/listed"
	[ "$i" -eq 4 ] || fail "$i partitions"
	printf 'core.img of a boot loader' | dd of="$disk" bs=1 seek=20480 conv=notrunc status=none
	size=$(stat -c %s "$disk")
	"$ORACLE" used "$size" "$WORK/oracle-parts" >"$WORK/used"
	hash_trees "$disk" "$WORK/trees"
	dump_table "$disk" 512 >"$WORK/table"
	before=$(sha "$disk")
}

# DISK FILE-WITH-HASHES: one tree hash per partition, whose checkers find nothing
hash_trees() {
	local n start size kind
	while read -r n start size kind; do
		cut_out "$1" "$WORK/volume" "$start" "$size"
		check_fs "$kind" "$WORK/volume"
		echo "$n $(fs_hash "$kind" "$WORK/volume")"
	done <"$WORK/parts" >"$2"
}

# FILE WHAT: holds the source where that is used and 0xA5 elsewhere; table, checkers and trees agree
is_clone() {
	"$ORACLE" compare "$disk" "$1" "$WORK/used" || fail "$2: bytes differ"
	dump_table "$1" 512 >"$WORK/table.target"
	cmp "$WORK/table" "$WORK/table.target" || fail "$2: the table differs"
	hash_trees "$1" "$WORK/trees.target"
	cmp "$WORK/trees" "$WORK/trees.target" || fail "$2: the trees differ"
	unchanged "$disk" "$before"
}

# FILE SIZE WHAT: the same on a larger target, but for what moves to its end
is_larger_clone() {
	sgdisk -v "$1" >"$WORK/sgdisk.out"
	grep -q 'No problems found' "$WORK/sgdisk.out" || fail "$3: $(cat "$WORK/sgdisk.out")"
	diff <(grep -v last-lba "$WORK/table") <(dump_table "$1" 512 | grep -v last-lba) || fail "$3: the partitions differ"
	[ "$(sfdisk -d "$1" | sed -n 's/last-lba: //p')" = $(($2 / 512 - 34)) ] || fail "$3: last usable sector"
	hash_trees "$1" "$WORK/trees.target"
	cmp "$WORK/trees" "$WORK/trees.target" || fail "$3: the trees differ"
}

# FILE SENTENCE SOURCE TARGET OPTION...: refused, with the same code in a dry run, and not one byte of FILE written
refused() {
	local file=$1 sentence=$2 hash
	shift 2
	hash=$(sha "$file")
	expect_rc 6 salvor clone "$@" --dry-run
	expect_rc 6 salvor clone "$@"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "not one sentence: $(cat "$WORK/err")"
	expect_said "$sentence"
	unchanged "$file" "$hash"
}

make_corpus "$WORK/corpus" 80
for table in msdos gpt; do
	mixed_disk "$table"
	note "$table: file to file"
	poison "$target" "$size"
	expect_rc 0 salvor clone "$disk" "$target" --confirm-erase "$size"
	is_clone "$target" "$table, file"
	note "$table: to a new file, in one thread"
	rm -f -- "$target"
	expect_rc 0 salvor clone "$disk" "$target" --threads serial
	"$ORACLE" zeros "$disk" "$target" "$WORK/used" || fail 'a new file differs'
	[ "$(du -k "$target" | cut -f 1)" -le $(($(du -k "$disk" | cut -f 1) + 2048)) ] || fail 'the new file is not sparse'
	have_loop || continue
	note "$table: device to device"
	poison "$target" "$size"
	attach_loop "$disk" 512
	S=$LOOP
	attach_loop "$target" 512
	expect_rc 0 salvor clone "$S" "$LOOP" --confirm-erase "$size"
	grep -q 'unplug one of the two' "$WORK/out" || fail 'no word on the IDs that are there twice'
	[ "$(blockdev --getro "$S")" -eq 0 ] || fail 'the guard of the source outlived the clone'
	detach_loop "$LOOP"
	detach_loop "$S"
	is_clone "$target" "$table, devices"
done

note 'a larger file: the backup of the GPT moves to its end'
larger=$((size + 37 * MIB + 512))
poison "$target" "$larger"
expect_rc 0 salvor clone "$disk" "$target" --confirm-erase "$larger"
is_larger_clone "$target" "$larger" 'a larger file'

note 'free space: zero, whole'
for how in '--free zero' --whole; do
	poison "$target" "$size"
	read -ra words <<<"$how"
	expect_rc 0 salvor clone "${words[@]}" "$disk" "$target" --confirm-erase "$size"
	if [ "$how" = --whole ]; then
		cmp "$disk" "$target" || fail 'not the whole disk'
	else
		"$ORACLE" zeros "$disk" "$target" "$WORK/used" || fail 'free space was not zeroed'
	fi
done

note 'some partitions: the others are left as they are'
poison "$target" "$size"
expect_rc 0 salvor clone --partitions 1,3 "$disk" "$target" --confirm-erase "$size"
expect_said 'left as they are'
while read -r n start bytes kind; do
	cut_out "$target" "$WORK/got" "$start" "$bytes"
	case $n in
	1 | 3)
		check_fs "$kind" "$WORK/got"
		[ "$n $(fs_hash "$kind" "$WORK/got")" = "$(grep "^$n " "$WORK/trees")" ] || fail "partition $n differs"
		;;
	*)
		poison "$WORK/want" "$bytes"
		cmp "$WORK/got" "$WORK/want" || fail "partition $n was not asked for, and was written to"
		;;
	esac
done <"$WORK/parts"

note 'refused: no confirmation, a wrong one, too small, other sectors, the source itself'
poison "$target" "$size"
refused "$target" "--confirm-erase $size" "$disk" "$target"
refused "$target" "$size" "$disk" "$target" --confirm-erase yes
refused "$disk" 'is the source' "$disk" "$disk" --confirm-erase "$size"
ln "$disk" "$WORK/link.img"
refused "$disk" 'is the source' "$disk" "$WORK/link.img" --confirm-erase "$size"
rm "$WORK/link.img"
poison "$target" $((size - 4096))
refused "$target" '4096 bytes are missing' "$disk" "$target" --confirm-erase $((size - 4096))
expect_rc 5 salvor clone "$WORK/nothing" "$target" --confirm-erase $((size - 4096))
expect_rc 5 salvor clone "$disk" /dev/no-such-disk --confirm-erase 1
expect_rc 5 salvor clone --partitions 9 "$disk" "$WORK/new.img"
[ ! -e "$WORK/new.img" ] || fail 'a target was made for nothing'

note 'JSON lines'
poison "$target" "$size"
expect_rc 0 salvor clone "$disk" "$target" --confirm-erase "$size" --json
[ ! -s "$WORK/err" ] || fail "--json lets something through on stderr: $(cat "$WORK/err")"
jq -e -s --arg s "$disk" --arg t "$target" --argjson used "$(awk '{ s += $2 } END { print s }' "$WORK/used")" '
	(.[0] | .type == "start" and .verb == "clone" and .source == $s and .target == $t)
	and any(.[]; .type == "plan" and .used == $used and .free == "keep" and .verify and .target_disk == null)
	and any(.[]; .type == "status" and .bytes_done == .bytes_total)
	and (.[-1] | .type == "exit" and .code == 0 and .verdict == "done and verified")' "$WORK/out" >/dev/null ||
	fail "JSON: $(cat "$WORK/out")"

note 'a sector of the source that cannot be read: the end, and no table'
read -r _ start _ < <(grep '^2 ' "$WORK/parts")
bad=$(awk -v from=$((start + 8 * MIB)) '$1 + $2 >= from + 4096 { print ($1 > from ? $1 : from); exit }' "$WORK/used")
bad=$((bad / 512 * 512 + 1024))
rule="$disk:r:$bad:$((bad + 512)):5"
poison "$target" "$size"
expect_rc 9 with_faults "$rule" "$SALVOR" clone "$disk" "$target" --confirm-erase "$size"
expect_said "$disk"
cmp -n "$MIB" "$target" /dev/zero || fail 'a failed clone left something at the start of the target'
expect_rc 9 with_faults "$rule" "$SALVOR" clone "$disk" "$WORK/new.img"
[ ! -e "$WORK/new.img" ] || fail 'a failed clone left the file it made'
note 'with --on-error skip: all but that sector, zeros there, exit 3'
expect_rc 3 with_faults "$rule" "$SALVOR" clone "$disk" "$target" --confirm-erase "$size" --on-error skip
expect_said '512 bytes'
cp --sparse=always "$disk" "$WORK/want"
dd if=/dev/zero of="$WORK/want" bs=512 seek=$((bad / 512)) count=1 conv=notrunc status=none
cut_out "$target" "$WORK/got" "$bad" 512
cmp -n 512 "$WORK/got" /dev/zero || fail 'the bad sector is not zeros'
poison "$target" "$size"
expect_rc 3 with_faults "$rule" "$SALVOR" clone "$disk" "$target" --confirm-erase "$size" --on-error skip
"$ORACLE" compare "$WORK/want" "$target" "$WORK/used" || fail 'more than the bad sector is missing'
note 'a source that is gone ends the job, also with skip'
expect_rc 9 with_faults "$disk:r:$bad:0:19" "$SALVOR" clone "$disk" "$target" --confirm-erase "$size" --on-error skip
unchanged "$disk" "$before"

have_loop || skip 'devices need loop devices (root); files passed'

note 'a larger device'
poison "$target" $((size + 16 * MIB))
attach_loop "$target" 512
expect_rc 0 salvor clone "$disk" "$LOOP" --confirm-erase $((size + 16 * MIB))
detach_loop "$LOOP"
is_larger_clone "$target" $((size + 16 * MIB)) 'a larger device'

note 'refused: smaller, other sectors, write-protected'
poison "$target" $((size - MIB))
attach_loop "$target" 512
refused "$target" "$MIB bytes are missing" "$disk" "$LOOP" --confirm-erase $((size - MIB))
detach_loop "$LOOP"
poison "$target" "$size"
attach_loop "$target" 4096
refused "$target" 'sectors of 4096 bytes' "$disk" "$LOOP" --confirm-erase "$size"
detach_loop "$LOOP"
attach_loop "$target" 512 -r
refused "$target" 'write-protected' "$disk" "$LOOP" --confirm-erase "$size"
detach_loop "$LOOP"

note 'refused: a device made of the source, and the file behind the source'
attach_loop "$disk" 512
S=$LOOP
attach_loop "$disk" 512
refused "$disk" 'is the source' "$disk" "$S" --confirm-erase "$size"
refused "$disk" 'is the source' "$S" "$disk" --confirm-erase "$size"
refused "$disk" 'is the source' "$S" "$S" --confirm-erase "$size"
refused "$disk" 'is the source' "$S" "$LOOP" --confirm-erase "$size"
detach_loop "$LOOP"

note 'refused: a mounted target, a source that is mounted read-write'
mke2fs -q -F -t ext4 "$target"
attach_loop "$target" 512
mkdir "$WORK/mnt"
mount "$LOOP" "$WORK/mnt"
expect_rc 6 salvor clone "$S" "$LOOP" --confirm-erase "$size"
expect_said "$WORK/mnt"
expect_rc 6 salvor clone "$LOOP" "$S" --confirm-erase "$size"
expect_said "$WORK/mnt"
umount "$WORK/mnt"
detach_loop "$LOOP"
check_fs ext4 "$target"
detach_loop "$S"
unchanged "$disk" "$before"

note 'one partition into another one, by their nodes'
read -r _ start bytes _ < <(grep '^2 ' "$WORK/parts")
poison "$target" "$size"
table_script gpt | write_table "$target" 512
cp "$target" "$WORK/target.before"
attach_parts "$disk"
S=$LOOP
attach_parts "$target"
# without udev the nodes of partitions may not appear in a container
if [ -b "${S}p2" ] && [ -b "${LOOP}p2" ]; then
	refused "$target" 'is the source' "$LOOP" "${LOOP}p2" --confirm-erase "$bytes"
	refused "$target" 'is the source' "${LOOP}p2" "$LOOP" --confirm-erase "$size"
	expect_rc 0 salvor clone "${S}p2" "${LOOP}p2" --confirm-erase "$bytes"
	grep -q 'take one for the other' "$WORK/out" || fail 'no word on the IDs that are there twice'
	cmp -n "$start" "$target" "$WORK/target.before" || fail 'written before the partition'
	cmp -i $((start + bytes)) "$target" "$WORK/target.before" || fail 'written behind the partition'
	cut_out "$target" "$WORK/got" "$start" "$bytes"
	check_fs ext4 "$WORK/got"
	[ "2 $(fs_hash ext4 "$WORK/got")" = "$(grep '^2 ' "$WORK/trees")" ] || fail 'other files in the partition'
	note 'and into another one of the same disk'
	expect_rc 0 salvor clone "${S}p4" "${LOOP}p4" --confirm-erase $((8 * MIB))
	expect_rc 0 salvor clone "${LOOP}p4" "${LOOP}p3" --confirm-erase $((20 * MIB))
	swaplabel "${LOOP}p3" | grep -q t-swap || fail 'no swap in the third partition'
else
	note "no ${S}p2 here: partition nodes not tried"
fi
detach_loop "$LOOP"
detach_loop "$S"
unchanged "$disk" "$before"
