#!/usr/bin/env bash
# half-full.sh - a disk with an aged ext4 that is half full, for the rescue benchmark, and what of it is in use
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: half-full.sh FILE BYTES USED SEED     FILE: sparse; files have their blocks, but no content. USED: "START LENGTH" of
# what is not free by dumpe2fs. Wants root and a loop device.
set -eu -o pipefail
here=$(dirname "$0")
file=$1 bytes=$2 used=$3 seed=$4
dir=$(mktemp -d)
clean() {
	if mountpoint -q "$dir"; then umount "$dir"; fi
	rmdir "$dir"
}
trap clean EXIT

rm -f "$file"
truncate -s "$bytes" "$file"
mke2fs -q -F -t ext4 -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$file"
mount -o loop,nodiscard "$file" "$dir"
"$here/age.py" "$dir" "$seed"
umount "$dir"
"$here/../../tests/lib/oracle.py" free ext4 "$file" | awk -v end="$bytes" \
	'function used(to) { if (to > at) printf "%.0f %.0f\n", at, to - at } { used($1); at = $1 + $2 } END { used(end) }' >"$used"
