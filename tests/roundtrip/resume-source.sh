#!/usr/bin/env bash
# resume-source.sh - what an interrupted save is continued with: the same source and the same options, else it is refused
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/small-disk.sh"
requires mke2fs sfdisk debugfs jq zstd python3

work_dir resume-source
disk=$WORK/disk
small_disk "$disk" 400
head -c $((8 * MIB)) /dev/urandom >"$WORK/noise"
echo "write $WORK/noise noise.bin" | _debugfs "$WORK/vol"
put_in "$WORK/vol" "$disk" "$SMALL_P1"
cp "$disk" "$WORK/disk.before"
mkdir "$WORK/store"

# OPTIONS...: an unfinished image of the disk in $WORK/store/img.part, stopped by SIGINT after some frames landed
begin() {
	rm -rf -- "$WORK/store/img" "$WORK/store/img.part"
	expect_rc 20 with_faults 'img.part/disk.img:w:0:0:I:1:1' "$SALVOR" save "$disk" "$WORK/store/img" --threads 1 "$@"
	[ -d "$WORK/store/img.part" ] || fail 'there is nothing to continue'
	tree_hash "$WORK/store/img.part" >"$WORK/part.sum"
}

# CODE TEXT OPTIONS...: continuing must end so, say so, and leave IMAGE.part as it is
refused() {
	local code=$1 text=$2
	shift 2
	expect_rc "$code" "$SALVOR" save "$disk" "$WORK/store/img" --resume "$@"
	expect_said "$text"
	[ "$(wc -l <"$WORK/err")" -eq 1 ] || fail "more than one sentence: $(cat "$WORK/err")"
	[ "$(tree_hash "$WORK/store/img.part")" = "$(cat "$WORK/part.sum")" ] || fail "a refused resume changed img.part ($text)"
	[ ! -e "$WORK/store/img" ] || fail 'a refused resume made an image'
}

# OPTIONS...: continuing must go on where it was, and give the disk
continues() {
	expect_rc 0 "$SALVOR" save "$disk" "$WORK/store/img" --resume --json "$@"
	[ "$(jq -s '.[0].resumed_from' "$WORK/out")" -gt 0 ] || fail "it did not continue: $(head -n 1 "$WORK/out")"
	expect_rc 0 "$SALVOR" verify "$WORK/store/img" --against "$disk"
}

changed='the source has changed since, start afresh'

note 'metadata changed: a file more, and clean again'
begin --preset fast
echo hello >"$WORK/hello"
cut_out "$disk" "$WORK/vol" "$SMALL_P1" "$SMALL_P1_SIZE"
echo "write $WORK/hello hello.txt" | _debugfs "$WORK/vol"
put_in "$WORK/vol" "$disk" "$SMALL_P1"
refused 6 "$changed"
cp "$WORK/disk.before" "$disk"
continues

if have_loop && grep -qw ext4 /proc/filesystems; then
	note 'mounted read-write and unmounted again, without another change'
	begin --preset fast
	mkdir "$WORK/mnt"
	attach_loop "$disk" 512 --offset "$SMALL_P1" --sizelimit "$SMALL_P1_SIZE"
	mount -t ext4 "$LOOP" "$WORK/mnt"
	umount "$WORK/mnt"
	detach_loop "$LOOP"
	refused 6 "$changed"
	cp "$WORK/disk.before" "$disk"
	continues
fi

note 'one byte of a file changed'
begin --preset fast
at=$(python3 -c 'import sys
disk = open(sys.argv[1], "rb").read()
print(next(p for p in range((1 << 20) + 65536 * 16, len(disk), 65536) if disk[p:p + 65536].count(0) < 1000))' "$disk")
"$ORACLE" flip "$disk" "$at"
refused 6 "$changed"
cp "$WORK/disk.before" "$disk"
continues

note 'another disk of the same size'
begin --preset fast
make_fs ext4 "$WORK/vol" "$SMALL_P1_SIZE" 512
put_in "$WORK/vol" "$disk" "$SMALL_P1"
refused 6 "$changed"
head -c "$SMALL_SIZE" /dev/urandom >"$disk"
refused 6 "$changed"
truncate -s $((SMALL_SIZE + 65536)) "$disk"
refused 6 "$changed"
cp "$WORK/disk.before" "$disk"
continues

note 'options that are not given are those of then'
begin --preset fast --note 'of then' --volume-size 100000
continues
[ "$(jq -r .note "$WORK/store/img/manifest.json")" = 'of then' ] || fail 'the note is lost'
[ -e "$WORK/store/img/disk.img.zst.001" ] || fail 'no volumes any more'
begin --preset small --level 5
continues
[ "$(jq -r .stream.level "$WORK/store/img/manifest.json")" = 5 ] || fail 'another level'
begin --codec xz --level 0 --whole
continues --level 0 --codec xz
[ "$(jq -r '.partitions[0].reason' "$WORK/store/img/manifest.json")" = 'asked for' ] || fail 'no longer whole'
begin --preset fast
continues --preset fast --note 'of now' --no-verify
[ "$(jq -r .note "$WORK/store/img/manifest.json")" = 'of now' ] || fail 'the new note is lost'

note 'options that are given and are not those of then are refused by name'
begin --preset fast
refused 6 'begun with codec zstd' --preset normal
refused 6 'begun with codec zstd' --codec xz
refused 6 'begun with codec zstd' --level 7
refused 6 'volumes' --volume-size 1M
refused 6 'partitions' --whole
continues --partitions 1
begin --preset fast --volume-size 100000
refused 6 'volumes of 100000 bytes' --volume-size 1M
continues --volume-size 100000

note 'one of two partitions'
truncate -s $((SMALL_SIZE + 8 * MIB)) "$disk"
printf 'label: gpt\nstart=2048, size=%s\nstart=%s, size=4096\n' $((SMALL_P1_SIZE / 512)) $(((SMALL_P1 + SMALL_P1_SIZE) / 512)) |
	write_table "$disk" 512
begin --preset fast --partitions 1
refused 6 'partitions' --partitions 1,2
refused 6 'partitions' --partitions 2
continues
[ "$(jq -r '.partitions[1].state' "$WORK/store/img/manifest.json")" = absent ] || fail 'the other partition was saved too'
begin --preset fast --partitions 1
continues --partitions 1
