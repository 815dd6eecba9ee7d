#!/usr/bin/env bash
# demo.sh - what both halves of the demo share: headings, comparisons, the verdict
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh.

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
plain() { printf '\n%s\n' "$*"; }
if [ ! -t 1 ] || [ -n "${NO_COLOR:-}" ]; then
	say() { plain "$*"; }
fi

# print a command as one would type it, then run it
shown() {
	local word shown=()
	for word in "$@"; do
		word=${word/#"$SALVOR"/salvor}
		[[ $word != *' '* ]] || word="'$word'"
		shown+=("$word")
	done
	printf '  $ %s\n' "${shown[*]}"
	"$@"
}

# BYTES -> "123.4 MiB"
mib() { awk -v b="$1" 'BEGIN { printf "%.1f MiB", b / 1048576 }'; }

# NAME HASH-A HASH-B: one line of the comparison; a difference ends the demo at its end
differences=0
compare_line() {
	local verdict=same
	if [ "$2" != "$3" ]; then
		verdict=DIFFERENT
		differences=$((differences + 1))
	fi
	printf '  %-22s %s  %s\n' "$1" "${2:0:32}" "$verdict"
	[ "$verdict" = same ] || printf '  %-22s %s\n' '' "${3:0:32}"
}

# DISK N KIND: tree hash of a partition, after its own checker has looked at it
hash_partition() {
	read -r _ start size < <(grep "^$2 " "$WORK/parts")
	cut_out "$1" "$WORK/volume" "$start" "$size"
	check_fs "$3" "$WORK/volume"
	fs_hash "$3" "$WORK/volume"
}

# the last word: a difference is a failure
verdict() {
	if [ "$differences" -gt 0 ]; then
		say "The demo FAILED: $differences differences."
		exit 1
	fi
	say 'Everything is the same. The files of the demo are removed again.'
}
