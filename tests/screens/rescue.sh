#!/usr/bin/env bash
# rescue.sh - a failing disk rescued by keystrokes alone: six answers, the map, pause, stop, resume from the first page, the result
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/failing.sh"
requires tmux mke2fs debugfs python3 ddrescuelog
requires_loop
work_dir screens-rescue
make_root
fake_smartctl

make_failing
before=$(sha "$WORK/source")

# every glyph of the screen is in code page 437, which each console font has
only_437() {
	# the codec leaves out what stands on the places of control characters
	screen | python3 -c 'import sys
for c in sys.stdin.buffer.read().decode():
    c in "►◄↑↓→←" or c.encode("cp437")' || fail 'a glyph that not every console has'
}

answers=0
answered() { answers=$((answers + 1)); }

note 'six answers from power-on, the boot menu among them'
fresh_target
start_failing
see 'What do you want to do?'
see 'disks found'
keys 4
answered
see 'Which disk is FAILING?'
choose 'WCC6Y5U91K7P'
keys Enter
answered
see 'Which disk should be OVERWRITTEN with the copy?'
! screen | has -E '^(►|>)' || fail 'a target is preselected'
see 'is the source'
see 'Into a file on another disk'
choose 'ZA1Q0Z2'
keys Enter
answered
see 'Where should the map of the rescue live?'
see 'WD-Blue_WCC6Y5U91K7P'
# a disk for the map can be made, but neither of these two
choose 'empty disk'
keys Enter
see 'Which disk should become a new backup disk?'
see 'is the source'
see 'is the target'
keys Escape
see 'Where should the map of the rescue live?'
choose 'Folder'
type_text "$WORK/store"
choose 'Go on'
keys Enter
answered
see 'THIS ERASES A DISK'
see_path "$WORK/store/WD-Blue_WCC6Y5U91K7P.map"
see_not 'in memory'
see 'not before the check above is typed'
target_before=$(sha "$WORK/target")
choose 'Serial ends'
type_text q0z
keys Enter
[ "$(sha "$WORK/target")" = "$target_before" ] || fail 'written without the check'
type_text 2
choose 'Bad sectors'
keys Right
see 'tried once again'
keys Left
choose 'Slow is'
keys Right
see 'a read of more than 1 second'
keys Left
choose 'ERASE'
keys Enter
answered
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
echo "answers: $answers, and the boot menu"
[ $((answers + 1)) -le 6 ] || fail "$answers answers"
see 'in 2 areas'
see 'Try the bad sectors once more'
see 'Map of disk #1 '
only_437
note 'which files were hit: their names, how much of each, and where the whole list is'
see '1 file was hit:'
see '/noise   100.4 kB of 14.7 MB'
see 'files 100.4 kB  metadata 0 bytes  free 0 bytes  cannot tell 0 bytes'
see 'List  beside the map: WD-Blue_WCC6Y5U91K7P.map.report.txt'
has -F '/noise (14680064 bytes)' <"$WORK/store/WD-Blue_WCC6Y5U91K7P.map.report.txt" || fail 'it is not the list'
keys f
see 'The whole disk, ext4 DATA: 100.4 kB lost'
see '/noise   100.4 kB of 14.7 MB'
keys Escape
see 'DONE, BUT SOME AREAS'
keys l
see 'salvor rescue serial=WCC6Y5U91K7P serial=ZA1Q0Z2'
keys Escape
note 'what stands below the last choice can be scrolled to'
see_not 'X bad'
keys End PageDown
see '█ copied'
see 'X bad'
see 'What is missing'
map=$WORK/store/WD-Blue_WCC6Y5U91K7P.map
is_rescued "$WORK/target" "$map"
[ "$(sha "$WORK/source")" = "$before" ] || fail 'the source was written'
end_screen

note 'a map that is there: another copy is refused with the reason'
rm -r "$ROOT/sys/block/${target##*/}"
show_disk "$target" 'Seagate IronWolf' ZA1QFFFF
start_failing
see 'disks found'
keys 4
choose 'WCC6Y5U91K7P'
keys Enter
see 'OVERWRITTEN'
choose 'ZA1QFFFF'
keys Enter
see 'Where should the map'
fill_in 'Folder' "$WORK/store"
choose 'Go on'
keys Enter
see 'belongs to another copy'
keys Escape
see 'Where should the map'
end_screen
drop_target

note 'a read that does not come back: said with its seconds; the map, zoom, speed, log; pause'
start_waiting
see '1 disk found'
rescue_into two
see 'Pass 1 of 6, what reads well: '
see 'does not answer, '
see 'Map of disk #'
see '░ not yet'
see '@ now'
screen | has -F '@░' || fail 'where it reads is not in the map'
see '1 cell = '
only_437
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
keys PageDown
see 'Map of disk #1, from '
zoomed=$(screen | grep -F 'Map of disk')
keys Right
see_gone "$zoomed"
keys PageUp
see 'Map of disk #1 '
see_gone ', from '
keys Tab
see_gone '1 cell = '
see ' Speed'
keys Tab
see ' Log'
keys Tab
see '1 cell = '
keys t
see 'half speed'
keys t
see 'a quarter of the speed'
keys t
see 'an eighth of the speed'
keys t
see 'full speed'
keys p
see 'It pauses when this read is over.'
touch "$GATE"
see 'PAUSED. The map is saved.'
ddrescuelog -t "$WORK/store/two.map" >/dev/null || fail 'no map was saved'
keys Escape
see 'Back to the running job: Rescue'
keys j
see 'PAUSED.'
keys p
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
is_rescued "$WORK/store/two.raw" "$WORK/store/two.map"
end_screen

note 'a disk that is gone: said, with what helps; plugged in again the rescue goes on by itself, its heat is asked under its new name'
attach_loop "$WORK/source" 512
again=$LOOP
answer_of "${again##*/}" nvme-good
rules=("$source:r:15000000:15100000:6:0:1" "$again:r:20000000:20100000:W:0:1")
for range in "${bad[@]}"; do rules+=("$again:r:${range%-*}:${range#*-}:5"); done
start_waiting "${rules[@]}"
see '1 disk found'
rescue_into away
see 'does not answer, '
see 'Disk #1: 41 C'
mv "$ROOT/sys/block/${source##*/}" "$WORK/pulled"
touch "$GATE"
see 'Disk #1 is gone, '
see 'Power-cycle it now, or plug it in again'
see 'Last error: No such device or address'
see_not 'does not answer, '
ddrescuelog -t "$WORK/store/away.map" >/dev/null || fail 'no map was saved'
keys '?'
see 'The map is the whole disk'
keys Escape
rm "$GATE"
show_disk "$again" 'WD Blue' WCC6Y5U91K7P
see 'Disk #1: 36 C'
see 'does not answer, '
touch "$GATE"
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
is_rescued "$WORK/store/away.raw" "$WORK/store/away.map"
keys l
see "the disk is back as $again"
end_screen
rm -r "$ROOT/sys/block/${again##*/}"
mv "$WORK/pulled" "$ROOT/sys/block/${source##*/}"

note 'stopped while it hangs: the first page offers to go on, with how far it got; another map of that name is refused'
LOOKS=(NO_COLOR=1)
start_waiting
see '1 disk found'
rescue_into three
see 'does not answer, '
keys s
touch "$GATE"
see 'STOPPED. THE MAP IS KEPT.'
see 'Go on with it'
keys Escape
see 'Go on with an unfinished rescue, '
screen | has -E 'unfinished rescue, [1-9][0-9]* %: WD Blue  S/N WCC6Y5U91K7P' || fail 'how far it got is not said'
note 'not without its disk'
mv "$ROOT/sys/block/${source##*/}" "$WORK/pulled"
see 'its failing disk is not here'
mv "$WORK/pulled" "$ROOT/sys/block/${source##*/}"
see_gone 'its failing disk is not here'
keys u
see 'it is there already: the rescue goes on at '
choose 'GO ON with the rescue'
keys Enter
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
is_rescued "$WORK/store/three.raw" "$WORK/store/three.map"
choose 'Back to start'
keys Enter
see 'What do you want to do?'
see_gone 'unfinished rescue'
note 'a map of another disk is refused with the reason'
sed 's/WCC6Y5U91K7P/WCCFFFFFFFFF/' "$WORK/store/three.map.salvor.json" >"$WORK/store/four.map.salvor.json"
cp "$WORK/store/three.map" "$WORK/store/four.map"
keys 4
choose 'WCC6Y5U91K7P'
keys Enter
choose 'Into a file'
keys Enter
fill_in 'Name' four
choose 'Go on'
keys Enter
see 'belongs to another disk'
keys Escape
note 'a file that is nobody'"'"'s is never written over'
: >"$WORK/store/five.raw"
fill_in 'Name' five
choose 'Go on'
keys Enter
see 'a file of this name is already there'
keys Escape
note 'a map in memory: a warning'
mkdir -p "$WORK/memory"
mount -t tmpfs none "$WORK/memory"
cleanup_fn umount "$WORK/memory"
fill_in 'Folder' "$WORK/memory"
choose 'Go on'
keys Enter
see 'This folder is in memory'
end_screen

note 'sixty files that were hit: a few with the result, all on a page that scrolls'
rm -r "$ROOT/sys/block/${source##*/}"
truncate -s 24M "$WORK/many"
mke2fs -q -F -t ext4 -b 1024 -L MANY -d "$WORK/files" "$WORK/many"
echo x >"$WORK/small"
{
	echo mkdir many
	printf "write $WORK/small many/f%02d\n" {0..59}
} >"$WORK/commands"
debugfs -w -f "$WORK/commands" "$WORK/many" >/dev/null 2>&1
# a file may lie anywhere, but behind what a look at the disk reads
mapfile -t blocks < <(printf 'bmap many/f%02d 0\n' {0..59} | debugfs -f - "$WORK/many" 2>/dev/null | grep -E '^[0-9]+$' | sort -n)
[[ ${#blocks[@]} == 60 && ${blocks[0]} -gt 8192 ]] || fail 'the files lie elsewhere'
bad=("$((blocks[0] * 1024))-$(((blocks[59] + 1) * 1024))")
attach_loop "$WORK/many" 512
source=$LOOP
show_disk "$source" 'WD Blue' WCC6Y5U91K7P
start_failing
see '1 disk found'
rescue_into many
see '60 files were hit:'
see '/many/f02   2 bytes of 2 bytes'
see_not '/many/f03'
see '  and 57 more'
keys f
see 'The whole disk, ext4 MANY: '
see '/many/f00'
see_not '/many/f59'
keys End
see '/many/f59'
see_not '/many/f00'
end_screen
