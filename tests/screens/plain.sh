#!/usr/bin/env bash
# plain.sh - a backup in plain mode: numbered questions, line by line, no cursor movement
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires mke2fs
requires_loop
work_dir screens
make_root
truncate -s 32M "$WORK/source"
mke2fs -q -F -t ext4 -L DATA "$WORK/source"
attach_loop "$WORK/source" 512
show_disk "$LOOP" 'WD Blue' WCC6Y5U91K7P
mkdir "$WORK/store"

# the interface at the end of two pipes
coproc TALK { SALVOR_ROOT=$ROOT SALVOR_UI=plain "$SALVOR" 2>&1; }
# shellcheck disable=SC2153 # made by coproc
talk_pid=$TALK_PID
exec 3<&"${TALK[0]}" 4>&"${TALK[1]}"

# TEXT: read lines and questions until one holds TEXT
hear() {
	local line
	while IFS= read -r -t 60 line <&3; do
		echo "$line" >>"$WORK/heard"
		[[ $line != *"$1"* ]] || return 0
	done
	cat "$WORK/heard" >&2
	fail "never heard: $1"
}
answer() { echo "$1" >&4; }

: >"$WORK/heard"
hear 'Answer with a number or letter'
hear '1. Back up a disk'
hear 'Not possible: Rescue a failing disk'
hear 'WCC6Y5U91K7P'
hear '? help'
answer nonsense
hear '"nonsense" is none of the choices'
answer 1
hear 'Step 1 of 3, Source.'
hear '1. #1  WD Blue'
hear 'b back'
answer 1
hear 'Step 2 of 3, Destination.'
hear '. Image: WD-Blue_WCC6Y5U91K7P_'
hear 'Not possible: Go on'
answer 1
answer "$WORK/store"
hear "1. Folder: $WORK/store"
hear '3. Go on'
answer 3
hear 'Step 3 of 3, Review.'
hear '1. START the backup'
hear '2. Space: used blocks only'
answer 2
hear '2. Space: everything, free space too'
hear 'salvor save serial=WCC6Y5U91K7P'
answer 1
hear 'DONE, AND CHECKED.'
hear 'Back to start'
answer 1
hear 'What do you want to do?'
hear '? help'
answer q
hear '. Leave Salvor'
answer L
wait "$talk_pid" || fail "ended with $?"
! LC_ALL=C grep -q $'\033' "$WORK/heard" || fail 'a screen reader hears escape sequences'
image=$(echo "$WORK/store"/*)
"$SALVOR" verify "$image" >/dev/null
"$SALVOR" show "$image" --json | jq -e '.bytes.free == 0' >/dev/null || fail 'free space was left out'
