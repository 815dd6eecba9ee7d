#!/usr/bin/env bash
# small-disk.sh - a small GPT disk with one ext4 volume, for round trips that are about something else
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh.

SMALL_SIZE=$((24 * MIB))
SMALL_P1=$MIB
SMALL_P1_SIZE=$((20 * MIB))

# DISK FILES: partition 1 (20 MiB at 1 MiB) is ext4 with about FILES real files
small_disk() {
	local disk=$1 n=$2
	make_corpus "$WORK/corpus" "$n"
	make_fs ext4 "$WORK/vol" "$SMALL_P1_SIZE" 512
	fill_fs ext4 "$WORK/vol" fragmented "$WORK/corpus"
	truncate -s "$SMALL_SIZE" "$disk"
	printf 'label: gpt\nstart=2048, size=%s\n' $((SMALL_P1_SIZE / 512)) | write_table "$disk" 512
	put_in "$WORK/vol" "$disk" "$SMALL_P1"
}
