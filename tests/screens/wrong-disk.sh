#!/usr/bin/env bash
# wrong-disk.sh - everything that makes people erase the wrong disk: the same model, the same serial, other names, other disks
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root

# FILE MODEL SERIAL [MIB]: a disk full of other data; its node is in $LOOP
disk() {
	poison "$WORK/$1" $((${4:-24} * MIB))
	attach_loop "$WORK/$1" 512
	show_disk "$LOOP" "$2" "$3"
}

# the disk an image is made of, with an ext4 that is mounted nowhere
truncate -s 24M "$WORK/source"
mke2fs -q -F -t ext4 -L system "$WORK/source"
truncate -s 64M "$WORK/store"
mke2fs -q -F -t ext4 -L store "$WORK/store"
attach_loop "$WORK/store" 512
store=$LOOP
show_disk "$store" 'SanDisk Extreme' STORE0001
mkdir "$WORK/mnt"
mount "$store" "$WORK/mnt"
cleanup_fn umount "$WORK/mnt"
"$SALVOR" save "$WORK/source" "$WORK/mnt/image" -q
awk -v at="$WORK/mnt" '$5 == at' /proc/self/mountinfo >"$ROOT/proc/self/mountinfo"
disk twin1 'Samsung SSD 870' TWIN0001AAAA
twin1=$LOOP
disk twin2 'Samsung SSD 870' TWIN0001BBBB
twin2=$LOOP
disk cheap1 'USB Bridge' 0123456789
disk cheap2 'USB Bridge' 0123456789
disk stick 'Kingston Salvor' STICK0001
echo "$LOOP" >"$ROOT/run/salvor-medium"
mkdir -p "$ROOT/run/salvor"
mv "$ROOT/run/salvor-medium" "$ROOT/run/salvor/boot-medium"
for file in twin1 twin2 cheap1 cheap2 stick; do
	sha "$WORK/$file"
done >"$WORK/before"

# ask for a restore of the image, up to the list of targets
to_targets() {
	see 'What do you want to do?'
	keys 2
	see 'Where are the images?'
	fill_in 'Folder' "$WORK/mnt"
	choose 'Go on'
	keys Enter
	see 'Which image in'
	keys Enter
	see 'Which disk should be OVERWRITTEN'
}

# SERIAL SENTENCE: the disk stands there, cannot be chosen, and this is why
refused() {
	screen | grep -F -A 6 -- "$1" | has -F -- "$2" || {
		screen >&2
		fail "$1 is not refused because: $2"
	}
}

untouched() {
	sync
	for file in twin1 twin2 cheap1 cheap2 stick; do
		sha "$WORK/$file"
	done | cmp -s - "$WORK/before" || fail "$1: a disk was written to"
}

start_screen 100 60 NO_COLOR=1
see 'What do you want to do?'
see 'Salvor was started from it'
to_targets

note 'what holds the image, and the stick, are refused with the reason on the screen'
refused STORE0001 'holds the image'
refused STICK0001 'Salvor was started from it'

note 'two of one model: the end of the serial number of the other one does not do'
choose 'TWIN0001AAAA'
keys Enter
see 'THIS ERASES A DISK'
see 'S/N TWIN0001AAAA'
choose 'Serial ends'
type_text bbbb
see 'not before the check above is typed'
keys Enter
see 'THIS ERASES A DISK'
untouched 'the twin'

note 'unplugged and plugged in again in between: the number of the appearance is another'
fill_in 'Serial ends' aaaa
printf '%s\n' 999999 >"$ROOT/sys/block/${twin1##*/}/diskseq"
choose 'ERASE'
keys Enter
see 'The disk has changed'
untouched 'another appearance'
keys Escape Escape
see 'Which disk should be OVERWRITTEN'

note 'another one of the same size in its place'
choose 'TWIN0001AAAA'
keys Enter
choose 'Serial ends'
type_text aaaa
echo OTHER0001CCCC >"$ROOT/sys/block/${twin1##*/}/device/serial"
choose 'ERASE'
keys Enter
see 'The disk has changed'
untouched 'another disk'
keys Escape Escape
see 'OTHER0001CCCC'

note 'the kernel gives the disks other names: what was chosen goes on meaning the same disk'
choose 'TWIN0001BBBB'
keys Enter
see 'S/N TWIN0001BBBB'
choose 'Serial ends'
type_text bbbb
for what in serial model; do
	mv "$ROOT/sys/block/${twin1##*/}/device/$what" "$WORK/swap"
	mv "$ROOT/sys/block/${twin2##*/}/device/$what" "$ROOT/sys/block/${twin1##*/}/device/$what"
	mv "$WORK/swap" "$ROOT/sys/block/${twin2##*/}/device/$what"
done
choose 'ERASE'
keys Enter
see 'The disk has changed'
untouched 'other names'
keys Escape Escape
see 'Which disk should be OVERWRITTEN'

note 'one serial number for two disks: size and place belong to the check'
[ "$(screen | grep -cF 'S/N 0123456789')" -eq 2 ] || fail 'two disks of one serial number'
choose '0123456789'
keys Enter
see 'THIS ERASES A DISK'
see '0123456789@'

note 'mounted: refused'
mke2fs -q -F -t ext4 "$WORK/cheap2" 2>/dev/null || true
keys Escape
see 'Which disk should be OVERWRITTEN'
awk -v dev="$(cat "$ROOT/sys/block/${twin2##*/}/dev")" \
	'{ $1 = 9999; $3 = dev; $5 = "/home"; $10 = "/dev/sdz1"; print }' "$ROOT/proc/self/mountinfo" >>"$WORK/more"
cat "$WORK/more" >>"$ROOT/proc/self/mountinfo"
see 'mounted on /home'
refused OTHER0001CCCC 'mounted on /home'
