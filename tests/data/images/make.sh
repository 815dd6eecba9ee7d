#!/usr/bin/env bash
# make.sh - how the sample images were made: run once per format version, never to please a test
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: make.sh SALVOR FOLDER
set -eu -o pipefail
salvor=$(realpath "$1")
mkdir -p "$2"
cd "$2"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# 2.5 MiB and one sector: text, noise, and long stretches of zeros
raw=$work/sample.raw
truncate -s $((2621440 + 512)) "$raw"
seq 1 400 | dd of="$raw" conv=notrunc status=none
head -c 2048 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null |
	dd of="$raw" bs=512 seek=2500 conv=notrunc status=none
printf 'the end' | dd of="$raw" bs=512 seek=5120 conv=notrunc status=none

cd "$work"
"$salvor" save --preset fast --note 'sample of format version 1' sample.raw zstd
"$salvor" save --codec xz --level 0 sample.raw xz
"$salvor" save --preset fast --volume-size 2000 sample.raw volumes
sha256sum sample.raw >sample.raw.sha256

# intact, but of a version that does not exist yet
cp -r zstd newer
sed -i 's/"version": 1,/"version": 2,/' newer/manifest.json
(cd newer && sha256sum disk.img.zst disk.idx README.txt report.txt manifest.json >SHA256SUMS)

# damaged: one bit in a frame; an index cut in the middle; a table of frames that lies
cp -r zstd bad-frame
printf '\377' | dd of=bad-frame/disk.img.zst bs=1 seek=2500 conv=notrunc status=none
cp -r zstd bad-index
truncate -s $(($(stat -c %s zstd/disk.idx) / 2)) bad-index/disk.idx
cp -r zstd bad-table
printf '\001\001' | dd of=bad-table/disk.img.zst bs=1 seek=$(($(stat -c %s zstd/disk.img.zst) - 30)) \
	conv=notrunc status=none
cp -r zstd xz volumes newer bad-frame bad-index bad-table sample.raw.sha256 "$OLDPWD"
