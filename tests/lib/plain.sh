#!/usr/bin/env bash
# plain.sh - talking to the interface in plain mode: answers in, sentences out, through two pipes
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after screens.sh. All that is heard is in $WORK/heard, the last page at its end.

# [NAME=VALUE...]: start it; one talk at a time
# shellcheck disable=SC2120 # that are rarely needed
start_talk() {
	coproc TALK { exec env SALVOR_ROOT="$ROOT" SALVOR_UI=plain "$@" "$SALVOR" 2>&1; }
	# shellcheck disable=SC2153 # made by coproc
	talk_pid=$TALK_PID
	exec 3<&"${TALK[0]}" 4>&"${TALK[1]}"
	: >"$WORK/heard"
}

# TEXT: read lines until one holds TEXT
hear() {
	local line
	while IFS= read -r -t 60 line <&3; do
		echo "$line" >>"$WORK/heard"
		[[ $line != *"$1"* ]] || return 0
	done
	cat "$WORK/heard" >&2
	fail "never heard: $1"
}

# read a page to its end; what was heard before is forgotten
hear_page() {
	: >"$WORK/heard"
	hear '? help'
}

answer() { echo "$1" >&4; }

# the number of the last choice heard that holds TEXT
number_of() { grep -F -- "$1" "$WORK/heard" | tail -n 1 | grep -Eo '^[0-9]+'; }

# from the first page out; what was heard must be fit for a screen reader
leave_talk() {
	answer q
	hear '. Leave Salvor'
	answer L
	wait "$talk_pid" || fail "ended with $?"
	! LC_ALL=C grep -q $'\033' "$WORK/heard" || fail 'a screen reader hears escape sequences'
}
