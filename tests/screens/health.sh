#!/usr/bin/env bash
# health.sh - the page of disks and health, verdicts in every picker, a disk that hangs, a warning before a job, temperatures
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
. "$(dirname "$0")/../lib/health.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root
fake_smartctl

mkdir "$WORK/files"
head -c 20000000 /dev/urandom >"$WORK/files/random.bin"

# FILE SIZE MODEL SERIAL: a disk with an ext4 filesystem; its name is in $NAME
disk() {
	truncate -s "$2" "$WORK/$1"
	mke2fs -q -F -t ext4 -L "$1" -d "$WORK/files" "$WORK/$1"
	attach_loop "$WORK/$1" 512
	NAME=${LOOP##*/}
	show_disk "$LOOP" "$3" "$4"
}
disk failing 32M 'WD Blue' WCC6Y5U91K7P
failing=$NAME
answer_of "$failing" ata-pending
disk good 48M 'Samsung SSD 980' S5GXNX0T123456
good=$NAME
answer_of "$good" nvme-good
disk worn 32M 'Toshiba DT01' Z5GXXX1AS
worn=$NAME
answer_of "$worn" ata-worn
disk silent 32M 'Hitachi Silent' HUA722020
: >"$FAKE_SMARTCTL/$NAME.hang"
mkdir "$WORK/store"
"$SALVOR" save "$WORK/good" "$WORK/store/good" -q

note 'home: who is ill is seen at once, and a disk that hangs stops nothing'
start_screen 80 24 NO_COLOR=1
see '6 Disks and health'
resize_screen 80 40
see '! 42 sectors could not be read and wait to be replaced'
see '! 12 sectors went bad'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'

note 'the page: verdicts, numbers, reasons'
keys 6
see 'They are only asked'
see 'health: FAILING, 41 C'
see '17 sectors went bad and were replaced by spare ones'
see 'health: good, 36 C'
see 'health: WORN, 58 C'
see 'health: being asked ...'
see 'let air flow before a long job'
resize_screen 80 24
choose 'HUA722020'
keys Enter
see 'health: being asked ...'
keys F1
see 'The numbers that the verdict rests on'
keys Escape Escape
choose 'WCC6Y5U91K7P'
keys Enter
see '46310  Power on, hours'
see '42  Sectors waiting to be replaced'
see 'passed  Last self-test'
! has -ve '-n standby,3' "$FAKE_SMARTCTL/calls" || fail 'a sleeping disk would be woken'
keys Escape Escape
see 'What do you want to do?'

note 'the pickers: the verdict beside each disk, H leads to the page and back'
keys 1
see 'Which disk do you want to SAVE?'
resize_screen 80 40
see 'health: FAILING, 41 C'
see '! 42 sectors could not be read'
see 'health: good, 36 C'
keys h
see 'They are only asked'
keys Escape
see 'Which disk do you want to SAVE?'
choose 'WCC6Y5U91K7P'
keys Enter
see 'Where should the image of disk'
fill_in 'Folder' "$WORK/store"
choose 'Go on'
keys Enter
see 'START the backup'
see 'is FAILING: 42 sectors'
see 'so that the rest of it is read'
resize_screen 80 24
see 'START the backup'
keys Escape Escape
see 'Which disk do you want to SAVE?'

note 'temperatures while it works'
choose 'S5GXNX0T123456'
keys Enter
see 'Where should the image of disk'
choose 'Go on'
keys Enter
see 'START the backup'
see_not 'FAILING'
choose 'Compression'
keys Right Right
see 'smallest zstd 19'
choose 'START'
keys Enter
see ': 36 C'
see 'DONE, AND CHECKED.'
keys Enter
see 'What do you want to do?'

note 'on battery, a controller without a driver, a password: told where it matters'
mkdir -p "$ROOT/sys/class/power_supply/BAT0" "$ROOT/sys/bus/pci/devices/0000:00:0e.0"
echo Battery >"$ROOT/sys/class/power_supply/BAT0/type"
echo Discharging >"$ROOT/sys/class/power_supply/BAT0/status"
echo 63 >"$ROOT/sys/class/power_supply/BAT0/capacity"
echo 0x010400 >"$ROOT/sys/bus/pci/devices/0000:00:0e.0/class"
answer_of "$good" ata-locked
resize_screen 80 40
see '! 1 storage controller has no driver'
see_not 'battery'
keys 6
see 'the machine runs on its battery, 63 % left'
keys r
see 'it is locked by a password'
keys Escape
see 'What do you want to do?'
keys 1
see '! it is locked by a password'
choose 'S5GXNX0T123456'
keys Enter
see 'Where should the image of disk'
choose 'Go on'
keys Enter
see 'START the backup'
see 'runs on its battery'
keys Escape Escape Escape
see 'What do you want to do?'
rm -r "$ROOT/sys/class/power_supply" "$ROOT/sys/bus"
answer_of "$good" nvme-good
resize_screen 80 24

note 'as a target, too'
keys 2
see 'Where are the images?'
fill_in 'Folder' "$WORK/store"
choose 'Go on'
keys Enter
see 'Which image in'
keys Enter
see 'Which disk should be OVERWRITTEN'
see 'too small'
see 'health: WORN'
keys Escape Escape Escape
see 'What do you want to do?'
keys q
choose 'Leave'
keys Enter
ended_with 0
end_screen

note 'in colour and wide, with another one that hangs'
: >"$FAKE_SMARTCTL/$worn.hang"
start_screen 120 40
see '! 42 sectors could not be read'
keys 6
see 'health: FAILING, 41 C'
see 'health: good, 36 C'
end_screen

note 'German'
start_screen 80 40 LANGUAGE=de SALVOR_LOCALES="$TOP/${BUILD:-build}/locale"
see '! 42 Sektoren konnten nicht gelesen werden'
keys 6
see 'Zustand: AM STERBEN, 41 C'
end_screen

rm "$FAKE_SMARTCTL/$worn.hang"

note 'line by line: the same in words'
start_talk
hear_page
has -F '6. Disks and health' <"$WORK/heard" || fail "no such entry: $(cat "$WORK/heard")"
answer 6
hear_page
# help and back: the same page once more, until the disks have answered
all_said() {
	local said
	for said in 'health: FAILING, 41 C' '42 sectors could not be read' 'health: good, 36 C' 'health: WORN' \
		'health: being asked'; do
		has -F "$said" <"$WORK/heard" || return 1
	done
}
for _ in $(seq 100); do
	! all_said || break
	answer '?'
	hear_page
	answer b
	hear_page
done
all_said || fail "not all was said: $(cat "$WORK/heard")"
kill "$talk_pid"
wait "$talk_pid" || true
