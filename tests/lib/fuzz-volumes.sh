#!/usr/bin/env bash
# fuzz-volumes.sh - small real filesystems as seeds of the map readers' targets, for seeds.sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced by tests/fuzz/seeds.sh, in whose scratch folder the functions run: img is the volume in the making.
# shellcheck disable=SC2154 # $here and $folder, which it sets

# TARGET NAME SECTOR_SIZE: the finished img becomes a seed
pack() {
	"$here/pack.py" img "$3" "$folder/$1/seed-$2"
}

# TARGET NAME: the seed of a volume gets the flag that puts checksums right as they are read
put_right() {
	printf '\200' | dd of="$folder/$1/seed-$2" bs=1 seek=2 conv=notrunc status=none
}

# TARGET NAME NEW: the seed once more, with that flag
sealed() {
	cp "$folder/$1/seed-$2" "$folder/$1/seed-$3"
	put_right "$1" "$3"
}

blank() {
	rm -f img
	truncate -s "$1" img
}

# two folders, three small files, one deleted file
small_tree() {
	mkdir -p tree/one/deep
	echo one >tree/one/first.txt
	echo two >tree/one/deep/second.txt
	echo three >tree/third.txt
}

fat_seeds() {
	local bits sector spc
	small_tree
	for shape in 12:512:2:3M 12:4096:1:8M 16:512:1:4M 16:1024:1:8M 32:512:1:34M 32:1024:1:68M; do
		IFS=: read -r bits sector spc size <<<"$shape"
		blank "$size"
		mkfs.fat -F "$bits" -S "$sector" -s "$spc" img
		mcopy -s -i img tree/one ::
		mcopy -i img tree/third.txt ::
		mdel -i img ::one/first.txt
		pack fat "$bits-$sector-$spc" "$sector"
		# the same, not shut down cleanly (FAT12 and FAT16 at 0x25, FAT32 at 0x41)
		printf '\001' | dd of=img bs=1 seek=$((bits == 32 ? 0x41 : 0x25)) conv=notrunc status=none
		pack fat "$bits-$sector-$spc-dirty" "$sector"
	done
}

swap_seeds() {
	local page
	for page in 4096 8192 16384 32768 65536; do
		blank 4M
		mkswap -p "$page" img
		pack swap "$page" 512
		printf 'S1SUSPEND\0' | dd of=img bs=1 seek=$((page - 10)) conv=notrunc status=none
		pack swap "$page-suspended" 512
	done
}

# CLUSTER SECTOR SIZE KIND: as slim_ntfs.py has it
ntfs_seed() {
	blank "$3"
	mkntfs -q -f -F -p 0 -H 16 -S 63 -c "$1" -s "$2" img
	head -c 3000 /dev/zero >small
	ntfscp -q img small small
	if [ "$4" = unclean ]; then
		{ printf hibr && head -c 5000 /dev/zero; } >hiber
		ntfscp -q img hiber hiberfil.sys
	fi
	"$here/slim_ntfs.py" img "$4"
	pack ntfs "$1-$2-$4" "$2"
}

ntfs_seeds() {
	local kind
	for kind in clean unclean emptied shadows logged-1 logged-2; do
		ntfs_seed 512 512 4M "$kind"
		ntfs_seed 4096 512 6M "$kind"
	done
	ntfs_seed 4096 4096 6M clean
	ntfs_seed 512 512 4M pieces # whose $Bitmap has more than one cluster
}

# NUMBER OFFSET: a big endian number into the image
poke() {
	local hex
	printf -v hex '%08x' "$1"
	printf '%b' "\\x${hex:0:2}\\x${hex:2:2}\\x${hex:4:2}\\x${hex:6:2}" |
		dd of=img bs=1 seek="$2" conv=notrunc status=none
}

# OPEN: a transaction with a bitmap, the superblock and a block, written by debugfs, not replayed
ext_dirty() {
	local bitmap
	bitmap=$(dumpe2fs img 2>/dev/null | awk '/Block bitmap at/ { print $4; exit }')
	dd if=img bs=1024 skip="$bitmap" count=1 status=none >copy
	dd if=img bs=1024 skip=1 count=1 status=none >super
	cat copy super copy >copies
	printf '%s\njw -b %d,1,2 copies\njc\n' "$1" "$bitmap" >script
	debugfs -w -f script img
}

# a fast commit: HEAD, ADD_RANGE of 7 blocks at 2000, an INODE with extents, UNLINK, TAIL
ext_fast_commit() {
	local journal last total length
	journal=$(($(debugfs -R 'bmap <8> 0' img 2>/dev/null) * 1024))
	total=$(dumpe2fs -h img 2>/dev/null | awk '/^Total journal blocks/ { print $4 }')
	length=$(dumpe2fs -h img 2>/dev/null | awk '/^Fast commit length/ { print $4 }')
	last=$(debugfs -R "bmap <8> $((total - length))" img 2>/dev/null)
	debugfs -w -R 'feature needs_recovery' img
	poke $((0x20)) $((journal + 0x28))
	{
		printf '%b' '\x09\0\x08\0\0\0\0\0\x01\0\0\0\x01\0\x10\0\x0c\0\0\0\0\0\0\0\x07\0\0\0\xd0\x07\0\0'
		printf '%b' '\x06\0\xa4\0\x0c\0\0\0' && debugfs -R 'imap <8>' img >where
		dd if=img bs=1 skip="$(inode_place <where)" count=160 status=none
		printf '%b' '\x05\0\x08\0\0\0\0\0\0\0\0\0\x08\0\x08\0\x01\0\0\0\0\0\0\0'
	} >commit
	dd if=commit of=img bs=1 seek=$((last * 1024)) conv=notrunc status=none
}

# "located at block 42, offset 0x0700" -> the place in bytes
inode_place() {
	local block offset
	read -r block offset < <(sed -n 's/.*located at block \([0-9]*\), offset \(0x[0-9a-fA-F]*\).*/\1 \2/p')
	echo $((block * 1024 + offset))
}

# free space in small pieces, and a journal over them: its extents need a tree
ext_pieces() {
	local block
	for ((block = 600; block < 4000; block += 40)); do
		echo "setb $block"
	done >script
	debugfs -w -f script img
	tune2fs -j -J size=1 img
}

# NAME SIZE MKFS-OPTION...
ext_seed() {
	local name=$1
	blank "$2"
	mke2fs -q -F -b 1024 -N 64 -d tree "${@:3}" img
	case $name in
	*-v[23]) ext_dirty "jo -c -v ${name: -1}" ;;
	*-dirty) ext_dirty jo ;;
	*-fast) ext_fast_commit ;;
	*-pieces*) ext_pieces ;;
	esac
	[[ $name != *-pieces-dirty ]] || ext_dirty jo
	pack ext "$name" 512
}

ext_seeds() {
	small_tree
	ext_seed ext2 2M -t ext2
	ext_seed ext2-groups 2M -t ext2 -g 512
	ext_seed ext3-dirty 4M -t ext3 -J size=1
	ext_seed ext4 4M -t ext4 -J size=1
	ext_seed ext4-uninit 4M -t ext4 -J size=1 -O ^metadata_csum,uninit_bg -g 1024
	ext_seed ext4-dirty 4M -t ext4 -J size=1 -O ^metadata_csum
	ext_seed ext4-v2 4M -t ext4 -J size=1 -O ^metadata_csum,^64bit
	ext_seed ext4-v3 4M -t ext4 -J size=1
	ext_seed ext4-fast 4M -t ext4 -J size=1 -O ^metadata_csum,fast_commit
	ext_seed ext4-meta-bg 4M -t ext4 -O ^has_journal,^metadata_csum,meta_bg,^resize_inode -g 256
	ext_seed ext4-bigalloc 4M -t ext4 -J size=1 -O bigalloc,^metadata_csum -C 4096
	ext_seed ext4-pieces 4M -t ext4 -O ^has_journal
	ext_seed ext4-pieces-dirty 4M -t ext4 -O ^has_journal,^metadata_csum
	ext_seed ext4-mmp 4M -t ext4 -O ^has_journal,mmp
}

# NAME SIZE MKFS-OPTION...
btrfs_seed() {
	blank "$2"
	mkfs.btrfs -q -f -n 4096 -r tree "${@:3}" img || return 0 # an older one lacks features
	pack btrfs "$1" 512
}

btrfs_seeds() {
	small_tree
	head -c 40000 /dev/zero >tree/zeros
	btrfs_seed mixed 20M -M
	btrfs_seed xxhash 20M -M --csum xxhash
	btrfs_seed sha256 20M -M --csum sha256
	btrfs_seed blake2 20M -M --csum blake2
	btrfs_seed old 20M -M -O ^skinny-metadata,^extref,^no-holes -R ^free-space-tree
	btrfs_seed group-tree 120M -O block-group-tree
	btrfs_seed dup 120M
	blank 110M && cp img other
	mkfs.btrfs -q -f -n 4096 -m raid1 -d single img other
	pack btrfs member 512
}

# NAME: volumes (on stdin) in the text behind the label and header of their disk; fuzz_lvm.c puts checksums right
lvm_seed() {
	{
		printf 'LABELONE\1\0\0\0\0\0\0\0\0\0\0\0\040\0\0\0LVM2 001ABCDEFabcdefghijklmnopqrstuvwxyz'
		printf '\0\0\0\4\0\0\0\0\0\0\20\0\0\0\0\0' && head -c 24 /dev/zero
		printf '\0\20\0\0\0\0\0\0\0\0\2\0\0\0\0\0' && head -c 392 /dev/zero
		printf '\0\0\0\0 LVM2 x[5A%%r0N*>\1\0\0\0\0\20\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\2' && head -c 470 /dev/zero
		printf 'g { format = "lvm2" extent_size = 2048 physical_volumes { pv0 { flags = [] pe_start = 2048 pe_count = 60
		id = "ABCDEF-abcd-efgh-ijkl-mnop-qrst-uvwxyz" } pv1 { flags = [] pe_start = 2048 pe_count = 60
		id = "ZYXWVU-abcd-efgh-ijkl-mnop-qrst-uvwxyz" } } logical_volumes { '
		cat && echo '} }'
	} >"$folder/lvm/seed-$1"
}

# PLACE COUNT START [DISK]: a segment in one piece
lvm_segment() {
	echo "segment$3 { start_extent = $3 extent_count = $2 type = \"striped\" stripe_count = 1 stripes = [\"${4:-pv0}\", $1] }"
}

lvm_seeds() {
	local plain='status = ["READ", "WRITE", "VISIBLE"] flags = []'
	lvm_seed empty </dev/null
	echo "a { $plain segment_count = 1 $(lvm_segment 3 10 0) }" | lvm_seed linear
	echo "a { $plain segment_count = 2 $(lvm_segment 3 4 0) $(lvm_segment 20 9 4) }" | lvm_seed pieces
	echo "a { $plain segment_count = 1 $(lvm_segment 3 10 0) } c { $plain segment_count = 1 $(lvm_segment 20 4 0) }
		s { segment_count = 1 segment1 { extent_count = 10 type = \"snapshot\" origin = \"a\" cow_store = \"c\" } }" |
		lvm_seed snapshot
	echo "m { $plain segment_count = 1 segment1 { extent_count = 4 type = \"mirror\" mirrors = [\"pv0\", 1, \"pv1\", 2] } }" |
		lvm_seed mirror
	echo "a { $plain segment_count = 2 $(lvm_segment 3 4 0) segment2 { start_extent = 4 extent_count = 6 type = \"striped\"
		stripe_count = 2 stripe_size = 128 stripes = [\"pv0\", 20, \"pv0\", 30] } }" | lvm_seed striped
	echo "a { $plain segment_count = 2 $(lvm_segment 3 4 0) $(lvm_segment 20 9 4 pv1) }" | lvm_seed two-disks
	echo "a { $plain segment_count = 1 segment1 { start_extent = 0 extent_count = 10 type = \"striped\"
		stripe_count = 2 stripe_size = 16 stripes = [\"pv1\", 3, \"pv0\", 20] } }" | lvm_seed striped-disks
}

# NAME VERSION DATA SIZE ROOM FIELD...: a disk of a mirror with a swap area in it; checksums are put right
mdraid_seed() {
	blank 4M
	dd if=swap of=img bs=64K seek=$(($3 / 65536)) conv=notrunc
	"$here/../lib/mdraid.py" img "${@:2}"
	pack mdraid "$1" 512
	put_right mdraid "$1"
}

mdraid_seeds() {
	truncate -s 2M swap
	mkswap swap
	mdraid_seed 12 1.2 1048576 2097152 3000320 bitmap=1
	mdraid_seed 11 1.1 1048576 2097152 2097152
	mdraid_seed 10 1.0 0 2097152 4000256 bitmap=1
	mdraid_seed 90 0.90 0 2097152 0 bitmap=1
	mdraid_seed 90-big 0.90 0 2097152 0 big=1
	mdraid_seed raid5 1.2 1048576 2097152 3000320 level=5
}

# a boot sector and metadata, as tests/unit/test_bitlk.c has them; the checksum is put right as they are read
bitlk_seeds() {
	python3 - >seed.bin <<-'END'
		import struct, sys
		places = [32 << 20, 40 << 20, 48 << 20]
		boot = bytearray(512)
		boot[:11] = b"\xeb\x58\x90-FVE-FS-"
		boot[11:13] = b"\0\2"
		boot[160:176] = bytes.fromhex("3bd66749292ed84a8399f6a339e3d001")
		boot[176:200] = struct.pack("<3Q", *places)
		area = struct.pack("<8s4HQ2I3QQ", b"-FVE-FS-", 15, 2, 4, 4, 64 << 20, 0, 16, *places, 34 << 20)
		area += struct.pack("<4I16s2IQ", 120, 1, 48, 120, bytes(16), 1, 0x8004, 0)
		area += struct.pack("<4H26sH12x", 48, 2, 8, 1, bytes(26), 0x2000)
		area += struct.pack("<4H2Q", 24, 15, 15, 1, 34 << 20, 8192)
		sys.stdout.buffer.write(boot + area.ljust(256, b"\0"))
	END
	seed bitlk volume <seed.bin
}

# NAME SIZE OPTION...: clean, and with a log that has to be replayed
xfs_seed() {
	blank "$2"
	mkfs.xfs -q -f --unsupported -p proto "${@:3}" img
	[[ $1 != *-pieces ]] || xfs_pieces
	pack xfs "$1" 512
	"$here/xfs_log.py" img
	pack xfs "$1-dirty" 512
	put_right xfs "$1-dirty"
}

# every second file goes, so that the trees have something to tell
xfs_pieces() {
	xfs_db -r -f -c 'path /sub' -c ls img | awk '/ f[0-9]*[02468] / { print "inode " $2 "\nwrite core.mode 0" }' >gone
	xfs_db -x -f img <gone
	xfs_repair -f -o force_geometry img
}

xfs_seeds() {
	local n
	head -c 100 /dev/zero | tr '\0' x >small
	{
		printf 'boot\n0 0\nd--755 0 0\nsub d--755 0 0\n'
		for n in $(seq 20); do echo "f$n ---644 0 0 small"; done
		printf '$\n$\n'
	} >proto
	xfs_seed v5 32M -b size=1024
	xfs_seed v5-pieces 48M -b size=1024 -m rmapbt=1 -d agcount=2
	xfs_seed v4-pieces 20M -b size=512 -m crc=0
	xfs_seed v4-sector 32M -m crc=0 -s size=4096
}

exfat_seeds() {
	local cluster kind
	for cluster in 512 4096; do
		blank 4M
		mkfs.exfat -c "$cluster" img
		rm -rf tree
		"$here/../lib/exfat-fill.py" img tree 8 zeros
		pack exfat "$cluster" 512
		printf '\2' | dd of=img bs=1 seek=106 conv=notrunc status=none
		pack exfat "$cluster-dirty" 512
		# with checksums that are put right
		for kind in "$cluster" "$cluster-dirty"; do
			sealed exfat "$kind" "$kind-sealed"
		done
		rm -rf tree
	done
}

# NAME FLAG: the finished img; the same not unmounted, its two packs of checkpoints with the FLAG, sealed as it is read
f2fs_seed() {
	local pack at=$((512 * 4096))
	pack f2fs "$1" 512
	for pack in 0 1; do
		printf '%b' "\\x$2" | dd of=img bs=1 seek=$((at + pack * at + 132)) conv=notrunc status=none
	done
	pack f2fs "$1-crashed" 512
	put_right f2fs "$1-crashed"
}

f2fs_seeds() {
	local n
	blank 60M
	mkfs.f2fs -q img
	f2fs_seed empty a4
	mkdir files
	for n in 1 2 3 4 5 6; do head -c $((n * 5000)) /dev/zero >"files/$n"; done
	blank 96M
	mkfs.f2fs -q -i -O extra_attr,inode_checksum img
	sload.f2fs -f files img
	f2fs_seed files a0
	# with a file that needs indirect nodes, and a second name; without the second pack there is room for that
	mkdir -p files/one/deep
	head -c 11950000 /dev/zero >files/one/deep/large
	ln files/1 files/one/twin
	blank 140M
	mkfs.f2fs -q img
	sload.f2fs -f files img
	dd if=/dev/zero of=img bs=4096 seek=1024 count=64 conv=notrunc status=none
	f2fs_seed tree a0
}

# NAME SIZE OPTION...; what --pending leaves also with checksums that are put right
hfsplus_seed() {
	rm -f img
	"$here/../lib/hfsplus-make.py" img "$2" "${@:3}"
	pack hfsplus "$1" 512
	[ "${*: -1}" = --pending ] || return 0
	sealed hfsplus "$1" "$1-sealed"
}

hfsplus_seeds() {
	small_tree
	hfsplus_seed empty $((4 << 20)) --block 512
	hfsplus_seed files $((4 << 20)) --files tree
	hfsplus_seed pieces $((20 << 20)) --block 512 --pieces 12 --x --files tree
	hfsplus_seed wrapper $((4 << 20)) --wrapper --files tree
	hfsplus_seed tail $((4 << 20)) --tail 3584
	hfsplus_seed journal $((4 << 20)) --journal 65536 --files tree --x
	hfsplus_seed pending $((4 << 20)) --journal 65536 --files tree --pending
	head -c 30000 /dev/zero >tree/zeros
	hfsplus_seed rich $((4 << 20)) --scatter --rich --large --blank --files tree
	hfsplus_seed scattered $((6 << 20)) --block 512 --scatter --files tree
}

apfs_seeds() {
	local kind
	for kind in plain cab newer; do
		blank 513M
		mkapfs -L label img
		"$here/slim_apfs.py" img "$kind"
		pack apfs "$kind-torn" 512
		sealed apfs "$kind-torn" "$kind"
	done
	for kind in '' --snapshot --encrypt=0; do
		blank 130M
		mkapfs -L label img
		# shellcheck disable=SC2086 # it may be nothing
		"$here/../lib/apfs-fill.py" img --files 3 --pieces 60 --empty $kind
		pack apfs "filled$kind-torn" 512
		sealed apfs "filled$kind-torn" "filled$kind"
	done
}

# FILE KIND: what mkapfs makes begins at block 20000
apfs_lost() {
	{
		printf '%b' "\\x2$2\\x20\\x4e\\x00\\x30\\x4e\\x08"
		cat "$1"
	} >"$folder/owners/seed-apfs-${1##*/seed-}"
	{
		printf '%b' "\\x3$2\\x00\\x00\\x02\\x28\\x4e\\x03\\x80\\x4e\\xff"
		cat "$1"
	} >"$folder/owners/seed-more-apfs-${1##*/seed-}"
}

# blocks here and there of the main area, which begins at 16 MiB; with what of the summaries tells of some of them
owners_f2fs_seeds() {
	local file at out lost=
	for ((at = 0x80; at < 0xf8; at += 8)); do
		printf -v lost '%s\\x00\\x%x\\x3f' "$lost" "$at"
	done
	for file in "$folder"/f2fs/seed-*; do
		out=$folder/owners/seed-main-${file##*/seed-}
		{
			printf '%b' "\\xf8$lost"
			cat "$file"
		} >"$out"
		{
			printf '%b' "\\xf8\\x40\\x70\\x7f${lost#????????????}"
			cat "$file"
		} >"$out-summaries"
	done
}

# the volumes of the map readers, with a few areas lost
owners_seeds() {
	local kind=0 name file pieces
	for name in ext ntfs fat exfat xfs btrfs apfs hfsplus f2fs; do
		for file in "$folder/$name"/seed-*; do
			[ "$name" != apfs ] || { apfs_lost "$file" "$kind" && continue; }
			{
				printf '%b' "\\x2$kind\\x08\\x00\\x01\\xc8\\x00\\x0a"
				cat "$file"
			} >"$folder/owners/seed-$name-${file##*/seed-}"
			{
				printf '%b' "\\x3$kind\\x02\\x00\\x00\\x40\\x00\\x20\\x00\\x10\\xff"
				cat "$file"
			} >"$folder/owners/seed-more-$name-${file##*/seed-}"
		done
		kind=$((kind + 1))
	done
	owners_container_seeds
	owners_f2fs_seeds
	# with checksums that are put right: a flag of the volume, behind the list of what is lost
	for file in "$folder"/owners/seed*-xfs-* "$folder"/owners/seed*-apfs-*; do
		cp "$file" "$file-sealed"
		pieces=$(($(head -c 1 "$file" | od -An -tu1) >> 4))
		printf '\200' | dd of="$file-sealed" bs=1 seek=$((pieces * 3 + 3)) conv=notrunc status=none
	done
}

# NAME KIND: the finished img, a container (13 and more), with some KiB lost at its head and some inside
owners_container() {
	pack owners "plain-$1" 512
	{
		printf '%b' "\\x4$2\\x0a\\x20\\x06\\x40\\x20\\x40\\x80\\x22\\x20\\x00\\x30\\xff"
		cat "$folder/owners/seed-plain-$1"
	} >"$folder/owners/seed-$1"
	rm "$folder/owners/seed-plain-$1"
}

# files in LVM and in a mirror, both behind 4 MiB or less; LUKS is opened by a child, which a target cannot have
owners_container_seeds() {
	local mib=1048576 stripes=() i
	small_tree
	head -c 12000 /dev/zero | tr '\0' x >tree/large
	truncate -s 7M inner
	mke2fs -q -F -t ext2 -b 1024 -N 32 -d tree inner
	"$here/lvm_image.py" "$folder/lvm/seed-linear" inner img $((4 * mib)):$((7 * mib))
	owners_container lvm-linear d
	"$here/lvm_image.py" "$folder/lvm/seed-pieces" inner img $((4 * mib)):$((4 * mib)) $((21 * mib)):$((3 * mib))
	owners_container lvm-pieces d
	for ((i = 0; i < 48; i++)); do
		stripes+=("$(((21 + i % 2 * 10) * mib + (i >> 1) * 65536)):65536")
	done
	"$here/lvm_image.py" "$folder/lvm/seed-striped" inner img $((4 * mib)):$((4 * mib)) "${stripes[@]}"
	owners_container lvm-striped d
	"$here/lvm_image.py" "$folder/lvm/seed-two-disks" inner img $((4 * mib)):$((4 * mib))
	owners_container lvm-two-disks d
	blank 12M
	dd if=inner of=img bs=$mib seek=4 conv=notrunc
	"$here/../lib/mdraid.py" img 1.2 $((4 * mib)) $((7 * mib)) $((8 * mib))
	owners_container mdraid e
}

# the seeds of the readers, and types that no reader knows
probe_seeds() {
	local type
	for type in fat swap ext ntfs xfs exfat; do
		cp "$folder/$type"/seed-* "$folder/probe/"
	done
	blank 20M
	mkfs.btrfs -q -b 120M -n 4096 -s 4096 -M img 2>/dev/null || true
	pack probe btrfs 512 || true
	blank 4M
	printf 'LABELONE\1\0\0\0\0\0\0\0' | dd of=img bs=512 seek=1 conv=notrunc status=none
	printf 'LUKS\xba\xbe\0\1' | dd of=img conv=notrunc status=none
	pack probe ambivalent 512
	blank 4M
	printf 'LUKS\xba\xbe\0\1' | dd of=img conv=notrunc status=none
	pack probe luks 512
	blank 4M
	printf '\xeb\x76\x90EXFAT   ' | dd of=img conv=notrunc status=none
	pack probe exfat 512
	blank 4M
	printf '\xeb\x58\x90-FVE-FS-' | dd of=img conv=notrunc status=none
	pack probe bitlocker 512
}
