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
. "$here/../lib/fuzz-volumes.sh"

# TARGET NAME: what is on stdin becomes a seed
seed() { cat >"$folder/$1/seed-$2"; }

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

# whole images, with parts missing, in volumes, with the flags of fuzz_image.h and of the target
image_seeds() {
	local name xz out=$folder/image/seed
	for name in zstd xz bad-frame bad-index bad-table newer; do
		xz=$([ "$name" = xz ] && echo 1 || echo 0)
		"$here/pack_image.py" "$samples/$name" "$out-$name" 0 "$xz"
		"$here/pack_image.py" "$samples/$name" "$out-$name-sealed" 1 $((xz + 4))
		"$here/pack_image.py" "$samples/$name" "$out-$name-part" 2 $((xz + 4)) manifest sums
		"$here/pack_image.py" "$samples/$name" "$out-$name-lone" 5 "$xz" manifest index sums
		"$here/pack_image.py" "$samples/$name" "$out-$name-no-index" 1 $((xz + 8)) index
	done
	"$here/pack_image.py" "$samples/volumes" "$out-volumes" 0 16
	"$here/pack_image.py" "$samples/volumes" "$out-volumes-digits" 0 80
	"$here/pack_image.py" "$samples/volumes" "$out-volumes-many" 0 144
	# a stream that claims to be much longer
	sed 's/"size": 5076/"size": 1152921504606846976/' "$samples/zstd/manifest.json" >claim
	cp -r "$samples/zstd" long && cp claim long/manifest.json
	"$here/pack_image.py" long "$out-long" 1 0 index
	# frames stored as they are: the same, called so
	"$here/pack_image.py" "$samples/zstd" plain 0 6
	sed 's/zstd/none/g' plain >"$out-plain"
	"$here/pack_image.py" "$samples/volumes" "$out-volumes-gap" 1 48
	"$here/pack_image.py" "$samples/volumes" "$out-volumes-file" 5 16 manifest index sums
}

resume_seeds() {
	local name xz own
	for name in zstd xz bad-frame volumes; do
		xz=$([ "$name" = xz ] && echo 1 || echo 0)
		for own in 0 1 2 4 8; do
			"$here/pack_image.py" "$samples/$name" "$folder/resume/seed-$name-$own" "$own" $((xz + 4)) manifest sums
		done
		"$here/pack_image.py" "$samples/$name" "$folder/resume/seed-$name-volumes" 0 $((xz + 20)) manifest sums
		"$here/pack_image.py" "$samples/$name" "$folder/resume/seed-$name-streamless" 0 4 manifest sums stream
	done
}

# NUMBER CONTENT: a file of fuzz_disks.c
answer() {
	printf '%b' "\\x$(printf %02x "$1")\\x$(printf %02x "$(printf '%b' "$2" | wc -c)")$2"
}

disks_seeds() {
	answer 3 '\0\0200\0\024     WD-WCC4E1234567' >"$folder/disks/seed-page80"
	answer 4 '\0\0203\0\024\02\0\0\04ABCD\01\03\0\010\0120\01\01\01\01\02\03\04' >"$folder/disks/seed-page83"
	answer 8 'USB123\n' >"$folder/disks/seed-usb"
	answer 11 'naa.5001' >"$folder/disks/seed-naa"
	answer 6 't10.ATA  DISK' >"$folder/disks/seed-t10"
	answer 33 '36 35 8:1 / /mnt\\040x rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue\n' >"$folder/disks/seed-mount"
	answer 33 '36 35 0:9 / /mnt ro - btrfs /dev/mapper/x ro\n' >"$folder/disks/seed-btrfs"
	answer 34 'Filename Type\n/dev/sda1 partition 1 0 -2\n' >"$folder/disks/seed-swap"
	answer 24 '/some/file' >"$folder/disks/seed-loop"
	{ answer 5 SAME && answer 15 7 && answer 12 18446744073709551615; } >"$folder/disks/seed-huge"
}

# PLACE BYTE...: patches of fuzz_layout.c that set bytes (hexadecimal) from that place on
patch() {
	local at=$1 byte
	for byte in "${@:2}"; do
		printf '%b' "\\x$(printf %02x $((at & 255)))\\x$(printf %02x $((at >> 8)))\\x$byte\\x01"
		at=$((at + 1))
	done
}

# NAME FLAGS [PATCHES]: a seed of fuzz_layout.c; the first patch changes nothing
layout_seed() {
	{ printf '%b' "\\x$(printf %02x "$2")\\0\\0\\0\\0" && "${@:3}"; } >"$folder/layout/seed-$1"
}

layout_seeds() {
	local flags ebr=$((4 * 512 + 446)) next=$((4 * 512 + 462))
	for flags in 0 1 2 6 8 16 17 22 33 65 97 103; do
		layout_seed "flags-$flags" "$flags" true
	done
	layout_seed ntfs 1 patch 3 4e 54 46 53 20 20 20 20
	layout_seed fat 1 patch 0 eb 3c 90 00 00 00 00 00 00 00 00 00 02 01 01 00 02 10 00 a0 00 f8
	layout_seed loop 1 patch $((next + 8)) 00
	layout_seed forked 1 patch $((ebr + 4)) 05
	layout_seed outside 1 patch $((next + 10)) 01
	layout_seed at-zero 1 patch $((446 + 8)) 00
	layout_seed two-extended 1 patch $((446 + 4)) 05
	layout_seed overlap 1 patch $((446 + 12)) 60
	{ printf '\201' && patch $((4 * 512)) 00; } >"$folder/layout/seed-bad-ebr"
	{ printf '\206' && patch 512 45; } >"$folder/layout/seed-bad-primary"
}

xzindex_seeds() {
	flagged "$samples/xz/disk.img.xz" xzindex whole '\000'
	flagged "$samples/xz/disk.img.xz" xzindex sealed '\001'
}

share_seeds() {
	printf 'smb://WORK;anna%%40x@nas.example:4450/My%%20Files/pc' | seed share smb
	printf 'nfs://[fe80::1%%25eth0]:2050/volume1/a%%25b' | seed share nfs
	printf 'sftp://root@[::1]/~/store/%%3F' | seed share sftp
}

# an SMB2 NEGOTIATE response, an answer that knows NFS 3 only (its number is not ours), an SSH banner
shareprobe_seeds() {
	{
		printf '\0\0\0\0\106\376SMB\100'
		head -c 59 /dev/zero
		printf '\101\0\0\0\021\003'
	} | seed shareprobe smb
	{
		printf '\001\200\0\0\040\001\002\003\004\0\0\0\001'
		head -c 15 /dev/zero
		printf '\002\0\0\0\002\0\0\0\003'
	} | seed shareprobe nfs
	printf '\002welcome\r\nSSH-2.0-OpenSSH_9.2\r\n' | seed shareprobe ssh
}

# maps of ddrescue in all states, an old log, one with odd sectors
mapfile_seeds() {
	printf '\023# Mapfile. Created by GNU ddrescue version 1.27\n0x00010400     ?               2\n0x00000000  0x00000400  -\n0x00000400  0x00001000  +\n0x00001400  0x00000200  *\n0x00001600  0x00000200  /\n0x00001800  0x0000E800  ?\n' | seed mapfile ddrescue
	printf '\0 0 +\n\n512\t01000 + # good\n0x400 512 -' | seed mapfile old
	printf '\0220 G 1\n0 0x12 +\n0x12 4000 -\n' | seed mapfile odd
}

# answers of smartctl
health_seeds() {
	cp "$here"/../data/health/*.json "$folder/health/"
}

# what a SATA disk and a SCSI disk say of a bad sector
sense_seeds() {
	printf '\360\0\003\001\043\105\147\012\0\0\0\0\021\004\0\0\0\0' | seed sense fixed
	printf '\162\003\021\004\0\0\0\014\0\012\200\0\0\0\0\001\043\105\147\211' | seed sense described
}

# WORD=VALUE...: 512 bytes of little endian words, as IDENTIFY DEVICE has them
ata_words() {
	python3 -c 'import struct, sys
words = [0] * 256
for word in sys.argv[1:]:
    n, value = word.split("=")
    words[int(n)] = int(value, 0)
sys.stdout.buffer.write(struct.pack("<256H", *words))' "$@"
}

# LBA in six hexadecimal bytes, low ones first: the registers in sense data, as a command without data leaves them
ata_registers() {
	local lba=("$@")
	printf '\001\026\162\001\0\035\0\0\0\016\011\014\001\0\0\0'
	printf '%b' "\\x${lba[3]}\\x${lba[0]}\\x${lba[4]}\\x${lba[1]}\\x${lba[5]}\\x${lba[2]}\\x40\\x50"
}

# Level 0 Discovery of a disk that is locked: 72 bytes behind the first four
opal_answer() {
	printf '\0\0\0\110\0\0\0\001'
	head -c 40 /dev/zero
	printf '\0\001\020\014'
	head -c 12 /dev/zero
	printf '\0\002\020\010\017\0\0\0\0\0\0\0'
	head -c 1972 /dev/zero
}

# a byte that says who is asked, the size of the disk, then answers: how it went, data, sense data
identify_seeds() {
	local size='\0\0\0\012\0\0\0\0'
	{
		printf '%b' "\\0200$size\\0"
		ata_words 48=0x4001 82=0x402 83=0x4c00 101=5 128=7
		printf '\0'
		ata_registers ff ff 0f 0 0 0
		printf '\0'
		ata_words 0=2 3=0xffff 4=0x1f
		printf '\0\0'
		opal_answer
	} | seed identify ata
	{
		printf '%b' "\\0200$size\\0"
		ata_words 83=0x4400 101=5 119=0x4100
		printf '\0'
		ata_registers ff ff 0f 0 0 0
	} | seed identify ama
	{
		printf '%b' "\\001$size\\0"
		opal_answer
	} | seed identify scsi
	{
		printf '%b' "\\002$size"
		head -c 256 /dev/zero
		printf '\001'
		head -c 3839 /dev/zero
		opal_answer
	} | seed identify nvme
}

for target in fat swap ext ntfs btrfs lvm mdraid bitlk xfs exfat f2fs hfsplus apfs owners manifest index seektable xzindex image resume disks layout probe share shareprobe mapfile health sense identify; do
	[ ! -e "$folder/$target/.seeded" ] || continue
	mkdir -p "$folder/$target"
	"${target}_seeds" >log 2>&1
	touch "$folder/$target/.seeded"
done
