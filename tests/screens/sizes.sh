#!/usr/bin/env bash
# sizes.sh - the pages at many sizes, through a resize, in ASCII and in colour, and the shell from within
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires tmux
requires_loop
work_dir screens
make_root
for i in 1 2 3 4 5 6; do
	truncate -s 8M "$WORK/disk$i"
	attach_loop "$WORK/disk$i" 512
	show_disk "$LOOP" "Disk model $i" "SERIAL000$i"
done

note 'a resize while it runs: smaller, too small, larger'
start_screen 120 40
see '6 disks found'
see 'SERIAL0006'
resize_screen 80 24
see 'SERIAL0001'
resize_screen 60 12
see 'What do you want to do?'
choose 'Power off, restart or leave'
see 'Power off, restart or leave'
resize_screen 39 7
see 'too small'
resize_screen 132 43
see 'SERIAL0006'
keys Home
see 'What do you want to do?'

note 'every line can be reached in a small window'
resize_screen 80 16
keys 1
see 'Which disk do you want to SAVE?'
for i in 1 2 3 4 5 6; do
	choose "SERIAL000$i"
done
keys Escape

note 'the cursor stands on what is chosen'
see 'What do you want to do?'
move_mark Home
move_mark Down
y=$(tmux -S "$TMUX_SOCKET" display-message -p -t screen '#{cursor_y}')
screen | sed -n "$((y + 1))p" | has -F 'Restore' || fail "the cursor stands on line $y"

note 'a shell, and back'
keys '!'
see 'This is a shell'
# shellcheck disable=SC2016 # for the shell in the screen
type_text 'echo in-$((40 + 2))-shell; exit'
keys Enter
see 'What do you want to do?'

note 'a signal puts the terminal right'
pkill -TERM -P "$(tmux -S "$TMUX_SOCKET" display-message -p -t screen '#{pane_pid}')" -f "^$SALVOR\$"
ended_with 0
end_screen

note 'ASCII'
start_screen 80 24 SALVOR_ASCII=1
see '6 disks found'
! screen | LC_ALL=C grep -q '[^ -~]' || fail 'not only ASCII'
end_screen

note 'German, in 80 columns'
start_screen 80 24 LANGUAGE=de SALVOR_LOCALES="$TOP/${BUILD:-build}/locale"
see 'Was möchten Sie tun?'
see '6 Datenträger gefunden'
keys F1
see 'Ihre Auswahl bleibt erhalten.'
keys Escape
keys 2
see 'Wo sind die Abbilder?'
