#!/usr/bin/env bash
# profile.sh - where the CPU time of save, verify and restore goes, thread by thread and library by library
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: [BUILD=build] bench/profile.sh system|media [MIB]
# perf samples the CPU clock, so it needs no counters of the processor. The reader owns the source, workers do no input or output, the
# writer owns the target; libzstd includes the checksum of the frames, libxxhash are the granule digests, libnettle the SHA-256.
set -eu -o pipefail
. "$(dirname "$0")/../tests/lib/functions.sh"
. "$(dirname "$0")/lib/functions.sh"
requires mke2fs zstd python3 cpio perf
perf record -q -e cpu-clock -o /dev/null true 2>/dev/null || skip 'perf cannot sample here (kernel.perf_event_paranoid?)'

work_dir bench-profile
cd "$WORK"

# TITLE COMMAND...: a table of one command
profile() {
	local title=$1
	shift
	echo 3 >/proc/sys/vm/drop_caches || true
	perf record -q -e cpu-clock -F 997 -o perf.data -- "$@" >/dev/null 2>log || fail "$title: $(cat log)"
	echo
	echo "$title"
	perf report -i perf.data --stdio -F overhead,comm,dso -t '|' 2>/dev/null | python3 "$TOP/bench/phases.py"
}

make_volume "$1" "${2:-256}"
size=$(stat -c %s vol)
profile "CPU of save --no-verify, $1" "$SALVOR" save vol img --no-verify --progress=none
profile "CPU of verify, $1" "$SALVOR" verify img --progress=none
poison b "$size"
profile "CPU of restore --no-verify, $1" "$SALVOR" restore img b --no-verify --progress=none --confirm-erase "$size"
