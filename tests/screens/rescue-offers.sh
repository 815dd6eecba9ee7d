#!/usr/bin/env bash
# rescue-offers.sh - failing disks and failed backups offer the rescue; heat pauses it; colour, ASCII, German, and line by line
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/failing.sh"
requires tmux mke2fs python3
requires_loop
work_dir screens-offers
make_root
fake_smartctl
make_failing

note 'the picker and the last page of a backup offer it for a disk that is failing'
start_failing
see '! 42 sectors'
keys 1
see 'mark it and press X to rescue it instead'
choose 'WCC6Y5U91K7P'
keys x
see 'Which disk should be OVERWRITTEN with the copy?'
see 'Copy of #1  WD Blue'
keys Escape
see 'Which disk is FAILING?'
see_not 'press X'
keys Escape
see 'What do you want to do?'
keys 1
see 'Which disk do you want to SAVE?'
choose 'WCC6Y5U91K7P'
keys Enter
choose 'Folder'
type_text "$WORK/store"
choose 'Go on'
keys Enter
see 'START the backup'
choose 'Rescue this disk instead'
keys Enter
see 'Which disk should be OVERWRITTEN with the copy?'
keys Escape Escape
see 'What do you want to do?'

note 'a backup that stops at an area that cannot be read offers it, with the source and the folder kept'
keys 1
see 'Which disk do you want to SAVE?'
choose 'WCC6Y5U91K7P'
keys Enter
choose 'Go on'
keys Enter
choose 'START the backup'
keys Enter
see 'NOT DONE.'
choose 'Rescue the disk instead'
keys Enter
see 'Which disk should be OVERWRITTEN with the copy?'
choose 'Into a file'
keys Enter
see 'Where should the copy and the map'
see_path "$WORK/store"
choose 'Go on'
keys Enter
see_path "$WORK/store/WD-Blue_WCC6Y5U91K7P.map"
choose 'START the rescue'
keys Enter
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
is_rescued "$WORK/store/WD-Blue_WCC6Y5U91K7P.raw" "$WORK/store/WD-Blue_WCC6Y5U91K7P.map"
end_screen

note 'a disk that is too hot: the rescue pauses by itself, and goes on when it has cooled down'
sed 's/"current": 41/"current": 61/' "$HEALTH_SAMPLES/ata-pending.json" >"$FAKE_SMARTCTL/${source##*/}"
LOOKS=(SALVOR_ASCII=1)
SIZE=(120 40)
start_failing
see '! 42 sectors'
keys 4
see 'health: FAILING, 61 C'
choose 'WCC6Y5U91K7P'
keys Enter
choose 'Into a file'
keys Enter
choose 'Folder'
type_text "$WORK/store"
fill_in 'Name' hot
choose 'Go on'
keys Enter
choose 'START the rescue'
keys Enter
see 'PAUSED: a disk is too hot.'
see 'Disk #1: 61 C, too hot'
see '1 cell = '
[ "$(screen | grep -cE '^ [#.@?X]{100}')" -ge 10 ] || fail 'the map does not use the room'
! screen | LC_ALL=C grep -q '[^ -~]' || fail 'not only ASCII'
tmux -S "$TMUX_SOCKET" capture-pane -e -p -t screen | has -F $'\033[1m\033[32m#' || fail 'what is copied has no colour'
answer_of "${source##*/}" ata-pending
SEE_TRIES=$((3 * SEE_TRIES)) see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
end_screen

note 'German'
LOOKS=(LANGUAGE=de SALVOR_LOCALES="$TOP/${BUILD:-build}/locale")
SIZE=(80 24)
start_waiting
see 'Was möchten Sie tun?'
keys 4
see 'Welcher Datenträger ist KAPUTT?'
choose 'WCC6Y5U91K7P'
keys Enter
choose 'In eine Datei'
keys Enter
choose 'Ordner   '
type_text "$WORK/store"
fill_in 'Name' deutsch
choose 'Weiter'
keys Enter
choose 'Rettung BEGINNEN'
keys Enter
see 'was gut lesbar ist'
see 'antwortet nicht, '
see '░ noch nicht'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
touch "$GATE"
see 'FERTIG, ABER'
end_screen

rm -f -- "$WORK"/store/*.raw
note 'line by line: what is read, what is waited for, how it ended'
rm -f -- "$GATE"
start_talk ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" LD_PRELOAD="$FAULTIO_SO" FAULTIO_GATE="$GATE" \
	FAULTIO="$(faults_of "$source:r:15000000:15100000:W:0:1")"
hear '4. Rescue a failing disk'
hear '? help'
answer 4
hear 'Step 1 of 4, Source.'
hear 'WCC6Y5U91K7P'
source_number=$(number_of 'WCC6Y5U91K7P')
hear '? help'
answer "$source_number"
hear 'F. Into a file on another disk'
hear '? help'
answer F
hear 'Step 3 of 4, Map.'
hear '. Folder: '
folder_number=$(number_of '. Folder: ')
hear '? help'
answer "$folder_number"
answer "$WORK/store"
hear '. Name: '
name_number=$(number_of '. Name: ')
hear '? help'
answer "$name_number"
answer plain
hear '. Go on'
next_number=$(number_of '. Go on')
hear '? help'
answer "$next_number"
hear 'Step 4 of 4, Review and confirm.'
hear '. START the rescue'
start_number=$(number_of '. START the rescue')
hear '? help'
answer "$start_number"
hear 'p Pause'
hear 'Pass 1 of 6, what reads well'
hear 'does not answer, '
answer p
hear 'It pauses when this read is over.'
touch "$GATE"
hear 'PAUSED. The map is saved.'
answer p
hear 'DONE, BUT SOME AREAS COULD NOT BE READ.'
hear 'bad 100.4 kB in 2 areas'
hear '? help'
answer "$(number_of '. Back to start')"
hear 'What do you want to do?'
hear '? help'
leave_talk
is_rescued "$WORK/store/plain.raw" "$WORK/store/plain.map"
