#!/usr/bin/env bash
# unfinished.sh - a full store, a backup that was stopped and a disk that is pulled out: always a page that says how to go on
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/faults.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root

# a source whose data does not compress, and a store that has room for a part of it
truncate -s 48M "$WORK/source"
printf '%s\n' 'label: gpt' 'size=40MiB, type=L, name=root' | write_table "$WORK/source" 512
read -r _ start size < <(list_partitions "$WORK/source" 512)
make_fs ext4 "$WORK/volume" "$size" 512
mkdir "$WORK/files"
head -c 25000000 /dev/urandom >"$WORK/files/random.bin"
fill_fs ext4 "$WORK/volume" full "$WORK/files"
put_in "$WORK/volume" "$WORK/source" "$start"
attach_loop "$WORK/source" 512
source_node=$LOOP
show_disk "$LOOP" 'Samsung SSD 870' S5Y2NJ0R204821F
truncate -s 64M "$WORK/store.img"
mke2fs -q -F -t ext4 -O ^has_journal -m 0 -L STORE "$WORK/store.img"
mkdir "$WORK/store"
attach_loop "$WORK/store.img" 512
mount "$LOOP" "$WORK/store"
cleanup_fn umount "$WORK/store"
awk -v at="$WORK/store" '$5 == at' /proc/self/mountinfo >"$ROOT/proc/self/mountinfo"
grep -F " $WORK/store " /proc/self/mounts >"$ROOT/proc/self/mounts"
fallocate -l 48M "$WORK/store/ballast"
folder=$WORK/store/office
mkdir "$folder"

note 'the store is full: the page says so, shows the space there is, and goes on when there is more'
start_screen 80 24 NO_COLOR=1
see 'What do you want to do?'
see_not 'unfinished backup'
keys 1
see 'Which disk do you want to SAVE?'
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Where should the image of disk'
fill_in 'Folder' "$folder"
fill_in 'Image' desk
choose 'Go on'
keys Enter
see 'START the backup'
keys Enter
see 'NOT DONE: THE STORE IS FULL.'
see 'Free now:'
see 'Go on with it'
[ -d "$folder/desk.part" ] || fail 'nothing is left of it'

note 'the first page offers it, with how far it got'
keys Escape
see 'Go on with an unfinished backup, '
screen | grep -Eo 'unfinished backup, [0-9]+ %: desk'
! screen | has -F 'backup, 0 %' || fail 'nothing of it was kept'

note 'not without its disk'
mv "$ROOT/sys/block/${source_node##*/}" "$WORK/pulled"
see 'its disk is not here'
keys u
see 'What do you want to do?'
mv "$WORK/pulled" "$ROOT/sys/block/${source_node##*/}"
see '1 disk found'

note 'still full: it ends there again, and then goes on from the page itself'
keys u
see 'GO ON with the unfinished backup'
see 'as it was begun'
see_not 'Compression'
see 'desk --resume'
keys Enter
see 'NOT DONE: THE STORE IS FULL.'
rm "$WORK/store/ballast"
keys g
see 'DONE, AND CHECKED.'
see 'Continued at'
keys Enter
see 'What do you want to do?'
see_gone 'unfinished backup'
"$SALVOR" verify "$folder/desk" --against "$WORK/source" >/dev/null || fail 'the image is not the disk'
keys q
choose 'Leave'
keys Enter
ended_with 0
end_screen

note 'a target that is pulled out in the middle of a restore is a page, not a crash'
poison "$WORK/target" $((48 * MIB))
attach_loop "$WORK/target" 512
show_disk "$LOOP" 'Crucial MX500' 2149E5F8C7D1
start_screen 80 24 NO_COLOR=1 ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" LD_PRELOAD="$FAULTIO_SO" \
	FAULTIO="$LOOP:w:0:0:19+:3"
see 'What do you want to do?'
keys 2
see 'Where are the images?'
fill_in 'Folder' "$folder"
choose 'Go on'
keys Enter
see 'Which image in'
keys Enter
choose '2149E5F8C7D1'
keys Enter
see 'THIS ERASES A DISK'
mv "$ROOT/sys/block/${LOOP##*/}" "$WORK/pulled"
choose 'Serial ends'
type_text c7d1
choose 'ERASE'
keys Enter
see 'The disk has changed'
mv "$WORK/pulled" "$ROOT/sys/block/${LOOP##*/}"
keys Escape
see 'THIS ERASES A DISK'
choose 'ERASE'
keys Enter
see 'NOT DONE.'
mv "$ROOT/sys/block/${LOOP##*/}" "$WORK/pulled"
see 'This disk is not here any more'
see 'no partition table now'
keys Escape
see 'What do you want to do?'
