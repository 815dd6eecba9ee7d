#!/usr/bin/env bash
# backup-restore.sh - a whole backup and restore through the pages, in 80x24 and without colours
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root

truncate -s 64M "$WORK/source"
printf '%s\n' 'label: gpt' 'size=40MiB, type=L, name=root' | write_table "$WORK/source" 512
read -r _ start size < <(list_partitions "$WORK/source" 512)
make_fs ext4 "$WORK/volume" "$size" 512
make_corpus "$WORK/files" 200
fill_fs ext4 "$WORK/volume" full "$WORK/files"
put_in "$WORK/volume" "$WORK/source" "$start"
poison "$WORK/target" $((64 * MIB))
poison "$WORK/small" $((16 * MIB))
attach_loop "$WORK/source" 512
source_node=$LOOP
show_disk "$LOOP" 'Samsung SSD 870' S5Y2NJ0R204821F
attach_loop "$WORK/target" 512
show_disk "$LOOP" 'Crucial MX500' 2149E5F8C7D1
attach_loop "$WORK/small" 512
show_disk "$LOOP" 'SanDisk Ultra' 4C53000112
before=$(sha "$WORK/source")
mkdir "$WORK/store"

note 'home'
start_screen 80 24 NO_COLOR=1
see 'What do you want to do?'
see '3 disks found'
see 'S/N S5Y2NJ0R204821F'
see 'copy what can be read'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'

note 'help is about this page; Esc is one page back'
keys F1
see 'Choose with the arrow keys'
see 'One page back. Your choices are kept.'
keys Escape
see 'What do you want to do?'

note 'back up'
keys 1
see 'Which disk do you want to SAVE?'
choose 'S5Y2NJ0R204821F'
see '1 "t-ext4" ext4'
keys Enter
see 'Where should the image of disk'
choose 'Folder'
type_text "$WORK/store"
choose 'Image'
see 'Samsung-SSD-870_S5Y2NJ0R204821F_'
choose 'Go on'
keys Enter
see 'START the backup'
see 'salvor save serial=S5Y2NJ0R204821F'
choose 'Compression'
keys Right
see 'small    zstd 9'
keys Left
see 'normal   zstd 3'
choose 'Note'
type_text 'before the update'
see "--note 'before the update'"
choose 'START'
keys Enter
see 'DONE, AND CHECKED.'
[ "$(sha "$WORK/source")" = "$before" ] || fail 'the source has changed'
image=$(echo "$WORK/store"/*)
"$SALVOR" verify "$image" >/dev/null
"$SALVOR" show "$image" --json | jq -e '.note == "before the update" and .serial == "S5Y2NJ0R204821F"' >/dev/null ||
	fail 'not the image that was asked for'

note 'the same name again is seen before anything starts'
keys Enter
see 'What do you want to do?'
keys 1
see 'Which disk do you want to SAVE?'
choose 'S5Y2NJ0R204821F'
keys Enter
choose 'Go on'
keys Enter
see 'an image of this name is already there'
keys Escape Escape Escape
see 'What do you want to do?'

note 'open and check'
keys 5
see 'Where are the images?'
choose 'Go on'
keys Enter
see 'Which image in'
see 'complete, verified'
keys Enter
see 'before the update'
see '1  ext4'
keys v
see 'DONE, AND CHECKED.'
keys Enter
see 'What do you want to do?'

note 'restore: nothing is preselected, what cannot be says why, the typed check stands between'
keys 2
see 'Where are the images?'
choose 'Go on'
keys Enter
see 'Which image in'
keys Enter
see 'Which disk should be OVERWRITTEN'
! screen | has -E '^(►|>)' || fail 'a target is preselected'
see 'too small by 50.3 MB (50331648 bytes)'
target_before=$(sha "$WORK/target")
keys Enter
see 'Which disk should be OVERWRITTEN'
choose '2149E5F8C7D1'
keys Enter
see 'THIS ERASES A DISK'
see 'not before the check above is typed'
choose 'Serial ends'
type_text 'c7d'
see 'not before the check above is typed'
keys Enter
[ "$(sha "$WORK/target")" = "$target_before" ] || fail 'written without the check'
type_text 1
choose 'ERASE'
keys Enter
see 'DONE, AND CHECKED.'
keys l
see 'salvor restore'
keys Escape
see 'Back to start'
sync
"$SALVOR" verify "$image" --against "$WORK/target" >/dev/null || fail 'the target is not what was saved'
[ "$(dump_table "$WORK/source" 512)" = "$(dump_table "$WORK/target" 512)" ] || fail 'another table'

note 'images are only read: the partition they lie on is mounted read-only, and not a byte of it changes'
truncate -s 32M "$WORK/archive"
mke2fs -q -F -t ext4 -L ARCHIVE "$WORK/archive"
archive=$(sha "$WORK/archive")
attach_loop "$WORK/archive" 512
show_disk "$LOOP" 'Toshiba Archive' ARCHIVE001
keys Enter
resize_screen 80 40
see 'ARCHIVE001'
see_gone 'being looked at'
resize_screen 80 24
keys 5
see 'Where are the images?'
choose 'ARCHIVE'
keys Enter
see_path "$ROOT/run/salvor/places/${LOOP##*/}"
findmnt -no OPTIONS "$ROOT/run/salvor/places/${LOOP##*/}" | has -E '^ro,' || fail 'mounted for writing'
umount "$ROOT/run/salvor/places/${LOOP##*/}"
sync
[ "$(sha "$WORK/archive")" = "$archive" ] || fail 'looking for images changed a disk'
keys Escape

note 'leaving'
see 'What do you want to do?'
keys q
see 'Leave Salvor'
see 'only on the live system'
choose 'Leave'
keys Enter
ended_with 0
[ -n "$source_node" ]
