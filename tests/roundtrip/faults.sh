#!/usr/bin/env bash
# faults.sh - every system call and every allocation fails in turn: right exit code, one sentence, nothing half-valid
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: faults.sh [short|full] [calls|allocs|all] [JOB...]: short (a sample, the default) belongs to make check, full is make check-faults
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires mke2fs mkfs.fat sfdisk python3 zstd

depth=${1:-short} what=${2:-all}
work_dir faults
# in memory, where it can be: each run syncs, and none is about a power cut
mkdir "$WORK/ram"
if mount -t tmpfs -o size=1g tmpfs "$WORK/ram" 2>/dev/null; then
	WORK=$WORK/ram
	cleanup_fn umount -l "$WORK"
fi
disk=$WORK/source

# 8 MiB: ext4, FAT and a gap; small, so that thousands of runs end soon
make_corpus "$WORK/corpus" 12
truncate -s 8M "$disk"
printf 'label: gpt\nstart=2048, size=8192\nsize=4096\n' | write_table "$disk" 512
list_partitions "$disk" 512 | while read -r n start size; do
	kind=ext4
	[ "$n" -eq 1 ] || kind=fat12
	make_fs "$kind" "$WORK/volume" "$size" 512
	fill_fs "$kind" "$WORK/volume" fragmented "$WORK/corpus"
	put_in "$WORK/volume" "$disk" "$start"
	[ "$n" -ne 1 ] || echo "$start $size" >"$WORK/part1"
done
"$SALVOR" map "$disk" --extents >"$WORK/used"
"$SALVOR" save "$disk" "$WORK/image" --preset fast >/dev/null
"$SALVOR" save "$disk" "$WORK/image-xz" --codec xz --level 1 >/dev/null
mkdir "$WORK/images"
cp -r "$WORK/image" "$WORK/images/one"

# one that ended when its source failed, towards the end
with_log "$WORK/log" "$disk" "$SALVOR" save "$disk" "$WORK/whole" --preset fast --no-verify --threads 1 >/dev/null
reads=$(grep -c '^r' "$WORK/log")
expect_rc 9 with_faults "$disk:r:0:0:5:$((reads - 3))" "$SALVOR" save "$disk" "$WORK/half" --preset fast --no-verify --threads 1
mv "$WORK/half.part" "$WORK/started"

# a rescue whose source went away half way
mkdir -p "$WORK/rescued/books"
expect_rc 9 with_faults "$disk:r:0:0:19:60:0" "$SALVOR" rescue "$disk" "$WORK/rescued/copy" "$WORK/rescued/books/map" --wait 0

# devices for each of the workers of the sweep
if have_loop; then
	for ((i = 0; i < $(nproc); i++)); do
		for kind in source target; do
			cp "$disk" "$WORK/disk-$kind-$i"
			attach_loop "$WORK/disk-$kind-$i" 512
			cleanup_fn detach_loop "$LOOP" # once unmounted, its file has a name that nobody knows as ours
			echo "$LOOP" >"$WORK/loop-$kind-$i"
		done
	done
else
	note 'not shown: devices, for which loop devices are needed'
fi

export SALVOR FAULTIO_SO FAULTALLOC_SO
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0
rc=0
for kind in calls allocs; do
	[ "$what" = all ] || [ "$what" = "$kind" ] || continue
	note "$kind, $depth"
	"$TOP/tests/lib/sweep.py" "$kind" "$depth" "$WORK" "${@:3}" || rc=1
done
[ "$rc" -eq 0 ] || fail 'see above'
