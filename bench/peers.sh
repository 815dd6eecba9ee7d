#!/usr/bin/env bash
# peers.sh - save and restore of one ext4 volume beside the peers, in turns, on the same data
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [ROUNDS=2] bench/peers.sh system|media [MIB] RESULTS
# Peers: partclone | zstd, dd | zstd, qemu-img, fsarchiver, zstd alone, and libzstd on the very frames of the image. Every run starts
# with a cold cache and counts until its result is synced. Lines for report.py go to the file RESULTS.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
. "$(dirname "$0")/lib/functions.sh"
requires mke2fs partclone.extfs zstd python3 cpio

kind=$1
mib=$2
results=$(realpath -m "$3")
work_dir "bench-$kind"
cd "$WORK"

# the pair that the targets are about comes first, so that little time lies between the two
save_round() {
	rm -rf -- img pc.zst dd.zst vol.qcow2 vol.fsa bare.zst
	run 'partclone -c | zstd -T2 -3' pc.zst 'partclone.extfs -q -c -s vol -o - -L pc.log 2>/dev/null | zstd -q -T2 -3 -o pc.zst'
	run 'salvor save --no-verify' 'img/disk.img.*' "'$SALVOR' save vol img --no-verify --progress=none"
	run_libzstd 3 img
	rm -rf -- img
	run 'salvor save --no-verify -j1' 'img/disk.img.*' "'$SALVOR' save vol img --no-verify --threads 1 --progress=none"
	rm -rf -- img
	run 'salvor save (verifies)' 'img/disk.img.*' "'$SALVOR' save vol img --progress=none"
	run 'salvor verify' none "'$SALVOR' verify img --progress=none"
	run 'zstd -3 (whole volume, 1 thread)' bare.zst 'zstd -q -3 --single-thread -c vol >bare.zst'
	rm -f bare.zst
	run 'dd | zstd -T2 -3' dd.zst 'dd if=vol bs=4M status=none | zstd -q -T2 -3 -o dd.zst'
	! command -v qemu-img >/dev/null ||
		run 'qemu-img convert -c (zstd)' vol.qcow2 'qemu-img convert -c -m 2 -O qcow2 -o compression_type=zstd vol vol.qcow2'
	! have_fsarchiver || {
		attach_loop "$WORK/vol" 512
		run 'fsarchiver savefs -Z3 -j2' vol.fsa "fsarchiver savefs -Z3 -j2 vol.fsa $LOOP"
		detach_loop "$LOOP"
	}
}

have_fsarchiver() { command -v fsarchiver >/dev/null && have_loop; }

# every target is a file of that size, fully allocated and full of other data
restore_round() {
	local size
	size=$(stat -c %s vol)
	poison a "$size"
	run 'zstd -dc | partclone.restore' none 'zstd -q -dc pc.zst | partclone.restore -q -s - -O a -C -L pc.log 2>/dev/null'
	sound a
	poison b "$size"
	run 'salvor restore --no-verify' none "'$SALVOR' restore img b --no-verify --progress=none --confirm-erase $size"
	sound b
	run 'salvor restore --no-verify -j1' none "'$SALVOR' restore img b --no-verify --threads 1 --progress=none --confirm-erase $size"
	run 'salvor restore (reads back)' none "'$SALVOR' restore img b --progress=none --confirm-erase $size"
	rm -f b
	run 'zstd -dc | dd' none 'zstd -q -dc dd.zst | dd of=a bs=4M iflag=fullblock conv=notrunc status=none'
	[ ! -e vol.qcow2 ] || run 'qemu-img convert -n' none 'qemu-img convert -n -m 2 -O raw vol.qcow2 a'
	[ ! -e vol.fsa ] || {
		attach_loop "$WORK/a" 512
		run 'fsarchiver restfs -j2' none "fsarchiver restfs -j2 vol.fsa id=0,dest=$LOOP"
		detach_loop "$LOOP"
	}
	rm -f a
}

make_volume "$kind" "$mib"
for ((ROUND = 1; ROUND <= ${ROUNDS:-2}; ROUND++)); do
	note "$kind: round $ROUND of ${ROUNDS:-2}"
	save_round
	restore_round
done
sed "s/^/$kind\t/" runs.txt >>"$results"
