#!/usr/bin/env bash
# faults.sh - running salvor over a disk that fails, through the preloaded tests/preload/faultio.c
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh.

FAULTIO_SO=$TOP/${BUILD:-build}/faultio.so
# shellcheck disable=SC2034 # for the scripts that source this
FAULTALLOC_SO=$TOP/${BUILD:-build}/faultalloc.so

# RULES CMD...: run a command with FAULTIO rules (see faultio.c); its exit code is passed on
with_faults() {
	local rules=$1
	shift
	# a sanitized program insists on being loaded first, which a preloaded library cannot grant
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" FAULTIO=$rules LD_PRELOAD=$FAULTIO_SO "$@"
}

# LOG PATHPART CMD...: run a command and log its reads, writes and syncs of files whose path holds PATHPART
with_log() {
	local log=$1 part=$2
	shift 2
	ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" FAULTIO_LOG=$log FAULTIO_LOG_PATH=$part \
		LD_PRELOAD=$FAULTIO_SO "$@"
}

# PART RANGE...: reads of these ranges (FIRST-END, in bytes) of a file whose path holds PART fail: its rules are in $unreadable
unreadable() {
	local part=$1 range
	shift
	unreadable=()
	for range; do unreadable+=("$part:r:${range%-*}:${range#*-}:5"); done
}

# [RULE...] -- ARG...: rescue the disk $src, of which $unreadable fails, with more faults; ARG... stands behind the source
# shellcheck disable=SC2154 # src is the script's
rescue() {
	local ends=()
	while [ "$1" != -- ]; do
		ends+=("$1")
		shift
	done
	shift
	with_faults "${ends[*]} ${unreadable[*]}" "$SALVOR" rescue "$src" "$@"
}
