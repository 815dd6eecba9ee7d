#!/usr/bin/env bash
# report-inside.sh - which files were hit in volumes that stand inside of others: LVM, LUKS, RAID1, and in each other
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [SEEDS=N] [SEED=N] report-inside.sh    N sets of bad places by chance on each volume (default 1), the same each time
# unless SEED says otherwise
# Bad places are made for the volume inside and put where lvm2, cryptsetup or the test itself have its bytes; what is
# reported must be what the filesystem's own tool says of the volume inside.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$TOP/tests/lib/inside.sh"
. "$TOP/tests/lib/luks.sh"
. "$TOP/tests/lib/lvm.sh"
requires mke2fs debugfs dumpe2fs e2fsck mkfs.fat mcopy mshowfat mkswap lvm cryptsetup python3 jq
requires_loop
work_dir report-inside
cd "$WORK"
seeds=${SEEDS:-1} seed=${SEED:-1}
cleanup_fn echo "SEED=$seed"
printf 'a long passphrase' >key
printf 'wrong' >wrong

fat_volume() {
	truncate -s "$2" "$1"
	mkfs.fat -F 32 -s 1 "$1" >/dev/null
	mcopy -s -i "$1" tree/* ::
}

# FILE START LENGTH...: a map of it, one.map, with these ranges lost
lose() { "$inside" map "$(stat -c %s "$1")" one.map "${@:2}"; }

note 'filesystems'
make_tree "$seed"
ext_volume root 48M
ext_volume home 40M -b 1024
fat_volume data 36M
ext_volume plain 32M -b 4096
to_luks2 "$WORK/plain" "$WORK/key" --sector-size 4096
# what is inside is larger than the filesystem
echo "$LUKS2_HEADER $((48 * MIB))" >pieces.inner

note 'LVM: two volumes in pieces between each other, swap, one that is encrypted, a snapshot, and room left'
poison pv $((400 * MIB))
head -c $((2 * MIB)) /dev/zero | dd of=pv conv=notrunc status=none
lvm_attach "$WORK/pv"
lvm2 pvcreate -q -y "$LOOP" >/dev/null
lvm2 vgcreate vg0 "$LOOP" >/dev/null
for volume in root:28 home:20 data:36 swap:8 secret:64; do
	lvm2 lvcreate -y -an -Zn -Wn -L "${volume#*:}M" -n "${volume%:*}" vg0 >/dev/null
done
lvm2 lvextend -L +20M vg0/root >/dev/null
lvm2 lvextend -L +20M vg0/home >/dev/null
for volume in kept cow; do lvm2 lvcreate -y -an -Zn -Wn -l 2 -n $volume vg0 >/dev/null; done
lvm2 lvconvert -y --type snapshot -Zn vg0/kept vg0/cow >/dev/null
for volume in root home data swap secret kept cow; do pieces_of $volume >pieces.$volume; done
detach_loop "$LOOP"
[ "$(wc -l <pieces.root)" -eq 2 ] || fail 'the volume is in one piece: the test is blunt'
make_fs swap swap.img $((8 * MIB)) 512
for volume in root home data; do fill_volume $volume $volume pv; done
fill_volume swap swap.img pv
fill_volume secret plain.luks pv
free_at=$(awk '{ if ($1 + $2 > end) end = $1 + $2 } END { print end }' pieces.*)
size=$(stat -c %s pv)

for ((i = 0; i < seeds; i++)); do
	"$owners" make ext root root.map $((seed + i)) 120
	"$owners" make ext home home.map $((seed + i + 50)) 120
	"$owners" make fat32 data data.map $((seed + i + 100)) 120
	"$owners" make ext plain plain.map $((seed + i + 150)) 120
	"$inside" units plain.map plain4k.map 4096
	"$inside" map 64000000 secret.map plain.map pieces.inner
	"$inside" map "$size" pv.map root.map pieces.root home.map pieces.home data.map pieces.data secret.map pieces.secret
	cp --sparse=always pv copy
	"$owners" poison copy pv.map
	look pv.map copy
	judge vg0/root ext root root.map
	judge vg0/home ext home home.map
	judge vg0/data fat32 data data.map
	reported '[.volumes[].name] == [null, "vg0/root", "vg0/home", "vg0/data", "vg0/secret"]'
	reported '.volumes[0] | .fs == "LVM2_member" and .in_volumes == .lost and .in_files == 0'
	reported '.volumes[4] | .fs == "crypto_LUKS" and .reason == "LUKS2, locked" and .unknown == .lost'
	look pv.map copy --key-file key
	judge 'vg0/secret, LUKS2' ext plain plain4k.map
	reported '[.volumes[] | .reason] == [null, null, null, null, null, null]'
done
expect_rc 12 salvor report pv.map --copy copy --key-file wrong
expect_rc 0 salvor report pv.map --copy copy
has '^The whole disk, vg0/home (ext4' <out || fail "$(head -n 40 out)"
has 'Of the volumes inside: ' <out || fail "$(head -n 40 out)"

note 'LVM: metadata, free extents, swap, the end; the label is lost'
at=$(grep -abo 'seqno = ' pv | tail -n 1 | cut -d : -f 1)
lose pv 4608:512 "$((free_at + 12345 / 512 * 512)):4096" "$(($(cut -d ' ' -f 1 pieces.swap) + 2 * MIB)):512"
[ $((at / 512)) -ne 9 ] || fail 'the metadata is where the test takes it to be free'
look one.map pv
reported '.volumes[0] | .reason == null and .metadata == 512 and .free == 4096 and .in_volumes == 512'
reported '.volumes[0].areas[0].what == "the label and metadata of LVM"'
reported '.volumes[1] | .name == "vg0/swap" and .free == 512'
lose pv 0:4096 "$(head -n 1 pieces.root | cut -d ' ' -f 1):512"
look one.map pv
reported '.volumes[0] | .fs == "LVM2_member" and .metadata == 4096 and .in_volumes == 512'
reported '.volumes[1] | .name == "vg0/root" and .metadata == 512'
lose pv $((at / 512 * 512)):512 "$free_at":512
look one.map pv
reported '.volumes | length == 1 and (.[0].reason | test("LVM metadata")) and .[0].unknown == 1024'

lose pv "$(($(cut -d ' ' -f 1 pieces.cow) + 1024))":512 "$(($(cut -d ' ' -f 1 pieces.kept) + 1024))":1024
look one.map pv
reported '[.volumes[1:][] | [.name, .lost, .unknown, .reason]] == [["vg0/kept", 1024, 0, "it is part of other volumes"], ["vg0/cow", 512, 0, "it is part of other volumes"]]'
reported '.volumes[0] | .unknown == 1536 and .in_volumes == 0'

note 'LUKS: its header alone needs no key; the first header is lost; the key slots are lost'
lose plain.luks 8192:512
look one.map plain.luks
reported '.volumes[0] | .reason == null and .metadata == 512 and .areas[0].what == "the header of LUKS"'
lose plain.luks 0:4096 $((LUKS2_HEADER + 4096)):512
look one.map plain.luks --key-file key
reported '.volumes[0] | .fs == "crypto_LUKS" and .metadata == 4096 and .in_volumes == 512'
reported '.volumes[1] | .name == "LUKS2" and .fs == "ext4" and .lost == 4096'
look one.map plain.luks
reported '.volumes | length == 1 and .[0].metadata == 4096 and .[0].unknown == 512'
lose plain.luks 32768:$((LUKS2_HEADER - 32768)) $((LUKS2_HEADER + 4096)):512
expect_rc 12 salvor report one.map --copy plain.luks --key-file key

note 'RAID1: what is in it, with the superblock before and behind it; one that was not stopped'
for version in 1.2 1.0 0.90; do
	data=0
	[ $version != 1.2 ] || data=$((2 * MIB))
	rm -f raid
	truncate -s 52M raid
	dd if=root of=raid bs=1M seek=$((data / MIB)) conv=notrunc status=none
	room=$((50 * MIB - 65536))
	"$TOP/tests/lib/mdraid.py" raid $version $data $((48 * MIB)) $room
	echo "$data $((48 * MIB))" >pieces.raid
	"$owners" make ext root root.map $((seed + 7)) 120
	"$inside" map $((52 * MIB)) raid.map root.map pieces.raid $((data + 48 * MIB)):1024
	cp --sparse=always raid copy
	"$owners" poison copy raid.map
	look raid.map copy
	judge RAID1 ext root root.map
	reported '.volumes[0] | .fs == "linux_raid_member" and .free == 1024 and .caution == null'
done
rm -f raid
truncate -s 52M raid
dd if=root of=raid bs=1M seek=2 conv=notrunc status=none
"$TOP/tests/lib/mdraid.py" raid 1.2 $((2 * MIB)) $((48 * MIB)) $((50 * MIB)) resync=0
lose raid 4096:512 $((2 * MIB + 4096 * 5)):512
look one.map raid
reported '.volumes[0].unknown > 0'
lose raid 8192:512 $((2 * MIB + 4096 * 5)):512
look one.map raid
reported '.volumes[0] | .metadata == 512 and (.caution | test("not stopped cleanly"))'
reported '.volumes[1] | .name == "RAID1" and .fs == "ext4"'
