#!/usr/bin/env bash
# sparse.sh - an almost empty disk of 1 TiB, saved, verified and restored to a sparse file, beside the peers that can
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] [SPARSE_GIB=1024] bench/sparse.sh RESULTS
# dd and zstd alone take no part: they would read every free byte.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
. "$(dirname "$0")/lib/functions.sh"
requires mke2fs partclone.extfs zstd python3 cpio

gib=${SPARSE_GIB:-1024}
results=$(realpath -m "$1")
work_dir bench-sparse
cd "$WORK"

mkdir tree
system_files 20 tree
truncate -s "${gib}G" vol
mke2fs -q -F -t ext4 -d tree vol
rm -rf tree
ROUND=1

note "sparse: $gib GiB, $(du -m vol | cut -f 1) MiB of them allocated"
run 'partclone -c | zstd -T2 -3' pc.zst 'partclone.extfs -q -c -s vol -o - -L pc.log 2>/dev/null | zstd -q -T2 -3 -o pc.zst'
run 'salvor save --no-verify' 'img/disk.img.*' "'$SALVOR' save vol img --no-verify --progress=none"
run 'salvor verify' none "'$SALVOR' verify img --progress=none"
! command -v qemu-img >/dev/null ||
	run 'qemu-img convert -c (zstd)' vol.qcow2 'qemu-img convert -c -m 2 -O qcow2 -o compression_type=zstd vol vol.qcow2'
truncate -s "${gib}G" a
run 'zstd -dc | partclone.restore' none 'zstd -q -dc pc.zst | partclone.restore -q -s - -O a -C -L pc.log 2>/dev/null'
sound a
note "allocated on the target: $(du -m a | cut -f 1) MiB by partclone.restore"
rm -f a
run 'salvor restore --no-verify' none "'$SALVOR' restore img b --no-verify --progress=none"
sound b
note "allocated on the target: $(du -m b | cut -f 1) MiB by salvor"
[ ! -e vol.qcow2 ] || run 'qemu-img convert -n' none 'qemu-img convert -m 2 -O raw vol.qcow2 c'
sed 's/^/sparse\t/' runs.txt >>"$results"
