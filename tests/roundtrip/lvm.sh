#!/usr/bin/env bash
# lvm.sh - a disk as installers lay it out: GPT, LVM, and in it ext4, Btrfs, swap and LUKS
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The volumes are made by lvm2 without the device mapper (metadata only) and filled through the extents that lvs
# names. What would be read must be what lvm2 and the filesystems' own tools say; saved, restored onto 0xA5, lvm2
# must know the group again, the checkers be content, the trees equal, the passphrase open the key slot.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/lvm.sh"
requires jq lvm mke2fs e2fsck dumpe2fs debugfs mkfs.btrfs btrfs mkswap cryptsetup sfdisk
requires_loop
work_dir lvm

disk=$WORK/disk.img target=$WORK/target.img pv=$WORK/pv.img
pv_size=$((400 * MIB))

# LV < free ranges of the volume: where those are on the physical volume; the first and last MiB of a volume are read
place_free() {
	local size
	size=$(awk '{ n += $2 } END { print n }' "$WORK/pieces.$1")
	awk -v m="$MIB" -v size="$size" 'BEGIN { n = 0 } NR == FNR { place[n] = $1; len[n++] = $2; next } {
		low = $1 < m ? m : $1; high = $1 + $2 > size - m ? size - m : $1 + $2
		for (i = at = 0; i < n; at += len[i++]) {
			a = low > at ? low : at; b = high < at + len[i] ? high : at + len[i]
			if (a < b) printf "%d %d\n", place[i] + a - at, b - a
		} }' "$WORK/pieces.$1" -
}

note 'a volume group with a volume in two pieces, and room left'
poison "$pv" "$pv_size"
head -c $((2 * MIB)) /dev/zero | dd of="$pv" conv=notrunc status=none
lvm_attach "$pv"
lvm2 pvcreate -q -y "$LOOP" >/dev/null
lvm2 vgcreate vg0 "$LOOP" >/dev/null
for volume in root:40 swap:12 home:120 secret:24 unknown:8; do
	lvm2 lvcreate -y -an -Zn -Wn -L "${volume#*:}M" -n "${volume%:*}" vg0 >/dev/null
done
lvm2 lvextend -L +40M vg0/root >/dev/null
for volume in root swap home secret unknown; do
	pieces_of $volume >"$WORK/pieces.$volume"
done
[ "$(wc -l <"$WORK/pieces.root")" -eq 2 ] || fail 'the volume is in one piece: the test is blunt'
lvm2 pvs --noheadings --segments -o pvseg_start,pvseg_size,lv_name "$LOOP" |
	awk 'NF == 2 { print $1 * 4194304 + 1048576, $2 * 4194304 }' >"$WORK/free.pv"
detach_loop "$LOOP"

make_corpus "$WORK/corpus" 100
: >"$WORK/trees"
for volume in root:ext4:80 home:btrfs:120; do
	IFS=: read -r name kind mib <<<"$volume"
	make_fs "$kind" "$WORK/$name.img" $((mib * MIB)) 512
	fill_fs "$kind" "$WORK/$name.img" fragmented "$WORK/corpus"
	fill_volume "$name" "$WORK/$name.img" "$pv"
	echo "$name $kind $(fs_hash "$kind" "$WORK/$name.img")" >>"$WORK/trees"
	free_extents "$kind" "$WORK/$name.img" "$WORK/free.$name"
	place_free "$name" <"$WORK/free.$name" >>"$WORK/free.pv"
done
make_fs swap "$WORK/swap.img" $((12 * MIB)) 512
fill_volume swap "$WORK/swap.img" "$pv"
echo "4096 $((12 * MIB - 4096))" | place_free swap >>"$WORK/free.pv"
head -c $((24 * MIB)) /dev/urandom >"$WORK/secret.img"
printf 'a long passphrase' | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$WORK/secret.img" -
fill_volume secret "$WORK/secret.img" "$pv"

truncate -s 440M "$disk"
printf '%s\n' 'label: gpt' 'start=2MiB, size=20MiB, type=L, name=boot' "size=400MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928" |
	write_table "$disk" 512
read -r _ boot_start boot_size < <(list_partitions "$disk" 512 | sed -n 1p)
read -r _ start size < <(list_partitions "$disk" 512 | sed -n 2p)
[ "$size" -eq "$pv_size" ] || fail 'the partition has another size'
make_fs ext4 "$WORK/boot.img" "$boot_size" 512
put_in "$WORK/boot.img" "$disk" "$boot_start"
put_in "$pv" "$disk" "$start"
free_extents ext4 "$WORK/boot.img" "$WORK/free.boot"
printf '%s\n' "$boot_start $boot_size $WORK/free.boot" "$start $size $WORK/free.pv" >"$WORK/parts"
"$ORACLE" used "$(stat -c %s "$disk")" "$WORK/parts" >"$WORK/used"

note 'what would be read is what lvm2 and the filesystems say'
expect_rc 0 salvor map --extents "$disk"
diff "$WORK/out" "$WORK/used" >"$WORK/diff" || fail "$(head -n 20 "$WORK/diff")"
expect_rc 0 salvor map --json "$disk"
jq -r '.partitions[1] | "\(.fs) \(.state) \(.used) \(.reason)"' "$WORK/out" | tee "$WORK/state"
grep -q '^LVM2_member union .* vg0/secret is read whole: LUKS2, locked: stored whole' "$WORK/state" || fail 'state'

note 'saved, restored onto 0xA5'
expect_rc 0 salvor save --preset fast "$disk" "$WORK/image"
disk_size=$(stat -c %s "$disk")
poison "$target" "$disk_size"
expect_rc 0 salvor restore --free keep --confirm-erase "$disk_size" "$WORK/image" "$target"
"$ORACLE" compare "$disk" "$target" "$WORK/used"
cut_out "$target" "$WORK/back.img" "$start" "$size"
lvm_attach "$WORK/back.img"
lvm2 vgck vg0
lvm2 lvs --noheadings -o lv_name vg0 | tr -d ' ' | sort >"$WORK/volumes"
[ "$(paste -sd ' ' "$WORK/volumes")" = 'home root secret swap unknown' ] || fail "lvm2 sees $(cat "$WORK/volumes")"
detach_loop "$LOOP"
while read -r name kind tree; do
	cut_volume "$name" "$WORK/volume" "$WORK/back.img"
	check_fs "$kind" "$WORK/volume"
	[ "$(fs_hash "$kind" "$WORK/volume")" = "$tree" ] || fail "the files of $name differ"
done <"$WORK/trees"
cut_volume secret "$WORK/volume" "$WORK/back.img"
printf 'a long passphrase' | cryptsetup open --test-passphrase --key-file - "$WORK/volume" || fail 'the passphrase opens nothing'
cut_volume swap "$WORK/volume" "$WORK/back.img"
check_fs swap "$WORK/volume"

note 'metadata that does not match its checksum: all of it is read'
at=$(grep -abo 'seqno = ' "$disk" | tail -n 1 | cut -d : -f 1)
"$ORACLE" flip "$disk" $((at + 1))
expect_rc 0 salvor map --json "$disk"
[ "$(jq -r '.partitions[1] | "\(.state) \(.used)"' "$WORK/out")" = "whole $size" ] || fail 'a broken text was believed'
