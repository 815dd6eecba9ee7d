#!/usr/bin/env bash
# notice.sh - the end of a job is noticed on every page; a rescan reads only the disks that were written to
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/failing.sh"
requires tmux mke2fs python3
requires_loop
work_dir screens-notice
make_root
fake_smartctl
make_failing

# NAME: the rescue into that file begins, and a read of it hangs
begin() {
	start_waiting
	see '1 disk found'
	rescue_into "$1"
	see 'does not answer, '
}

note 'on the first page: what has ended and how, and the way to its page'
begin one
keys Escape
see 'Back to the running job: Rescue'
touch "$GATE"
see 'J Rescue has ended: DONE, BUT SOME AREAS COULD NOT BE READ.'
see_not 'is running'
keys j
see 'in 2 areas'
see '1 file was hit:'
keys Escape
see 'What do you want to do?'
see_gone 'has ended'
end_screen

note 'in the log, while it is shown'
begin two
keys l
see 'Log'
touch "$GATE"
see 'Rescue: DONE, BUT SOME AREAS COULD NOT BE READ.'
see_not 'is running'
note 'another plan: the page of the old one is not offered any more'
keys Escape Escape
see 'What do you want to do?'
end_screen
begin three
keys Escape
see 'Back to the running job'
touch "$GATE"
see 'Rescue has ended'
keys 1
see 'Which disk do you want to SAVE?'
keys Escape
see 'What do you want to do?'
see_not 'has ended'
end_screen

note 'a rescan reads a disk again that was written to, no other'
cp "/sys/block/${source##*/}/stat" "$ROOT/sys/block/${source##*/}/"
reads() { grep -c '^r ' "$WORK/reads" || true; }
LOOKS=(NO_COLOR=1 FAULTIO_LOG="$WORK/reads" FAULTIO_LOG_PATH="$source")
: >"$WORK/reads"
start_failing
see '1 partition, '
first=$(reads)
[ "$first" -gt 0 ] || fail 'it was not read at all'
keys F5
keys l
see 'Log'
keys Escape
see '1 partition, '
sleep 1
[ "$(reads)" -eq "$first" ] || fail 'read again'
awk '{ $7 += 8; print }' "/sys/block/${source##*/}/stat" >"$ROOT/sys/block/${source##*/}/stat"
keys F5
for ((i = 0; i < SEE_TRIES; i++)); do
	[ "$(reads)" -eq "$first" ] || break
	sleep 0.1
done
[ "$(reads)" -gt "$first" ] || fail 'not read again'
end_screen
