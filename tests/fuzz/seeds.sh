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

for target in fat swap ntfs manifest index seektable xzindex; do
	[ ! -e "$folder/$target/.seeded" ] || continue
	mkdir -p "$folder/$target"
	"${target}_seeds" >log 2>&1
	touch "$folder/$target/.seeded"
done
