#!/usr/bin/env bash
# fuzz.sh - the committed inputs of fuzz targets, for the scripts that run them (sourced)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Those of fuzz_X are packed in tests/fuzz/corpus/X.tar.xz: what build-scripts/fuzz-corpus.sh kept of long runs.

FUZZ_CORPUS=$(cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz/corpus" && pwd)

# libparted 3.5 reads one byte too far with strchr as it is loaded. Freed memory is kept back for a while to
# find uses of it; but what the limit is about is the parsers' own memory.
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:intercept_strchr=0:quarantine_size_mb=16

# FUZZER: its limits: no input may take more than 256 MiB or 25 seconds
fuzz_limits() {
	echo "-rss_limit_mb=256 -malloc_limit_mb=256 -timeout=25 -print_final_stats=1"
	case ${1##*/fuzz_} in
	health) echo "-dict=$FUZZ_CORPUS/health.dict" ;;
	manifest | image | resume) echo "-dict=$FUZZ_CORPUS/manifest.dict" ;;
	esac
}

# TARGET FOLDER: its inputs, unpacked
corpus_unpack() {
	mkdir -p "$2"
	[ ! -e "$FUZZ_CORPUS/$1.tar.xz" ] || tar -xJf "$FUZZ_CORPUS/$1.tar.xz" -C "$2"
}

# a folder for files that targets make, in memory where there is room for that
fuzz_tmp() {
	local base=${TMPDIR:-/tmp}
	[ ! -w /dev/shm ] || base=/dev/shm
	mktemp -d -p "$base" salvor-fuzz-XXXXXX
}
