#!/usr/bin/env bash
# plain.sh - a backup in plain mode: numbered questions, line by line, no cursor movement
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
requires mke2fs
requires_loop
work_dir screens
make_root
truncate -s 32M "$WORK/source"
mke2fs -q -F -t ext4 -L DATA "$WORK/source"
attach_loop "$WORK/source" 512
show_disk "$LOOP" 'WD Blue' WCC6Y5U91K7P
mkdir "$WORK/store"

start_talk
hear 'Answer with a number or letter'
hear '1. Back up a disk'
hear '4. Rescue a failing disk'
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
leave_talk
image=$(echo "$WORK/store"/*)
"$SALVOR" verify "$image" >/dev/null
"$SALVOR" show "$image" --json | jq -e '.bytes.free == 0' >/dev/null || fail 'free space was left out'
