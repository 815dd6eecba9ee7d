#!/usr/bin/env bash
# health.sh - for tests that ask disks about their health: a smartctl with prepared answers, disks on paper
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh.

HEALTH_SAMPLES=$TOP/tests/data/health

# put tests/lib/smartctl into the PATH; its answers are in $FAKE_SMARTCTL
fake_smartctl() {
	export FAKE_SMARTCTL=$WORK/smartctl PATH=$TOP/tests/lib/smartctl:$PATH
	mkdir -p "$FAKE_SMARTCTL"
}

# DEVICE SAMPLE: what the disk (sda, or sda@sat when asked with -d sat) says from now on
answer_of() { cp "$HEALTH_SAMPLES/$2.json" "$FAKE_SMARTCTL/$1"; }

# NAME MODEL SERIAL: a disk that is nothing but entries in $ROOT/sys and a name in $ROOT/dev, which is no link here
paper_disk() {
	local dir=$ROOT/sys/block/$1
	mkdir -p "$dir"/{queue,device,holders} "$ROOT/dev"
	echo 1953525168 >"$dir/size"
	echo 8:0 >"$dir/dev"
	echo 0 | tee "$dir/ro" "$dir/removable" "$dir/queue/rotational" >/dev/null
	echo 512 | tee "$dir/queue/logical_block_size" "$dir/queue/physical_block_size" >/dev/null
	printf '%s\n' "$2" >"$dir/device/model"
	printf '%s\n' "$3" >"$dir/device/serial"
	: >"$ROOT/dev/$1"
}
