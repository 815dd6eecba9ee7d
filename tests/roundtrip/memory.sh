#!/usr/bin/env bash
# memory.sh - save, verify, restore and clone with two threads stay below 128 MiB, also for an almost empty disk of 1 TiB
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
requires mke2fs python3
[[ ${BUILD:-build} != *san ]] || skip 'a sanitizer has a memory of its own'
work_dir memory
limit=$((128 * 1024)) # KiB

# WHAT ARG...: salvor with these arguments, and its peak must be below the limit
within_limit() {
	local what=$1 peak
	shift
	expect_rc 0 "$TOP/tests/lib/peak.py" "$WORK/peak" "$SALVOR" "$@" --threads 2 --progress=none
	peak=$(<"$WORK/peak")
	echo "$what: $1 held $((peak / 1024)) MiB"
	[ "$peak" -le "$limit" ] || fail "$what: $1 held $peak KiB, more than $limit"
}

# WHAT DISK: there and back
there_and_back() {
	within_limit "$1" save "$2" "$WORK/img"
	within_limit "$1" verify "$WORK/img"
	within_limit "$1" restore "$WORK/img" "$WORK/target"
	within_limit "$1" clone "$2" "$WORK/clone"
	rm -f -- "$WORK/clone"
}

# frames that do not get smaller are the largest there are, and more of them than the pool has places
head -c $((64 * MIB)) /dev/urandom >"$WORK/random"
truncate -s $((128 * MIB)) "$WORK/full"
put_in "$WORK/random" "$WORK/full" $((MIB + 512))
there_and_back 'full disk' "$WORK/full"
within_limit 'full disk' verify "$WORK/img" --against "$WORK/target"
within_limit 'full disk' restore "$WORK/img" "$WORK/target" --confirm-erase $((128 * MIB))
rm -rf -- "$WORK/img" "$WORK/target"

# half a million frames and their records; few inodes, so that there is little to read
truncate -s 1T "$WORK/sparse"
mke2fs -q -F -t ext4 -N 1000000 "$WORK/sparse"
there_and_back 'sparse 1 TiB' "$WORK/sparse"
