#!/usr/bin/env bash
# seeds.sh - small real filesystems and images as seeds of the fuzz targets
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: seeds.sh FOLDER; the seeds of fuzz_X go to FOLDER/X/. A target whose seeds are there is left.
set -eu -o pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
	echo 'usage: seeds.sh FOLDER' >&2
	exit 2
}
mkdir -p "$1"
folder=$(cd "$1" && pwd)
export PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
finish() {
	local rc=$?
	[ "$rc" -eq 0 ] || cat "$work/log" >&2
	rm -rf -- "$work"
}
trap finish EXIT
cd "$work"

# TARGET NAME SECTOR_SIZE: the finished img becomes a seed
pack() {
	"$here/pack.py" img "$3" "$folder/$1/seed-$2"
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
	for kind in clean unclean emptied; do
		ntfs_seed 512 512 4M "$kind"
		ntfs_seed 4096 512 6M "$kind"
	done
	ntfs_seed 4096 4096 6M clean
	ntfs_seed 512 512 4M pieces # whose $Bitmap has more than one cluster
}

# FILE TARGET NAME FLAGS: the file becomes a seed, behind a byte of flags
flagged() {
	{ printf '%b' "$4" && cat "$1"; } >"$folder/$2/seed-$3"
}

samples=$here/../data/images

manifest_seeds() {
	cp "$samples/zstd/manifest.json" "$folder/manifest/seed-full"
	sed 's/"role": "manifest"/"role": "identity"/' "$samples/zstd/manifest.json" >"$folder/manifest/seed-identity"
}

index_seeds() {
	local image
	for image in zstd xz bad-index; do
		flagged "$samples/$image/disk.idx" index "$image" '\000'
		flagged "$samples/$image/disk.idx" index "$image-sealed" '\001'
	done
}

seektable_seeds() {
	cp "$samples/zstd/disk.img.zst" "$folder/seektable/seed-whole"
	cp "$samples/bad-frame/disk.img.zst" "$folder/seektable/seed-bad-frame"
	tail -c 60 "$samples/zstd/disk.img.zst" >"$folder/seektable/seed-tail"
}

xzindex_seeds() {
	flagged "$samples/xz/disk.img.xz" xzindex whole '\000'
	flagged "$samples/xz/disk.img.xz" xzindex sealed '\001'
}

# NUMBER OFFSET: a big endian number into the image
poke() {
	local hex
	printf -v hex '%08x' "$1"
	printf '%b' "\\x${hex:0:2}\\x${hex:2:2}\\x${hex:4:2}\\x${hex:6:2}" |
		dd of=img bs=1 seek="$2" conv=notrunc status=none
}

# OPEN: a transaction with two bitmaps, written by debugfs, not replayed
ext_dirty() {
	local bitmap
	bitmap=$(dumpe2fs img 2>/dev/null | awk '/Block bitmap at/ { print $4; exit }')
	dd if=img bs=1024 skip="$bitmap" count=1 status=none >copy
	cat copy copy >copies
	printf '%s\njw -b %d,2 copies\njc\n' "$1" "$bitmap" >script
	debugfs -w -f script img
}

# a fast commit: HEAD, ADD_RANGE of 7 blocks at 2000, TAIL
ext_fast_commit() {
	local journal last
	journal=$(($(debugfs -R 'bmap <8> 0' img 2>/dev/null) * 1024))
	last=$(($(dumpe2fs -h img 2>/dev/null | awk '/^Total journal blocks/ { print $4 }') - 256))
	debugfs -w -R 'feature needs_recovery' img
	poke $((0x20)) $((journal + 0x28))
	printf '%b' '\x09\0\x08\0\0\0\0\0\x01\0\0\0\x01\0\x10\0\x0c\0\0\0\0\0\0\0\x07\0\0\0\xd0\x07\0\0' \
		'\x08\0\x08\0\x01\0\0\0\0\0\0\0' |
		dd of=img bs=1 seek=$((journal + last * 1024)) conv=notrunc status=none
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
	esac
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
	ext_seed ext4-mmp 4M -t ext4 -O ^has_journal,mmp
}

for target in fat swap ext ntfs manifest index seektable xzindex; do
	[ ! -e "$folder/$target/.seeded" ] || continue
	mkdir -p "$folder/$target"
	"${target}_seeds" >log 2>&1
	touch "$folder/$target/.seeded"
done
