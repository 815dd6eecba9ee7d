#!/usr/bin/env bash
# clone.sh - a disk cloned by keystrokes alone, in curses and in plain mode, in five answers; what cannot be the target says why
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/plain.sh"
requires tmux mke2fs
requires_loop
work_dir screens-clone
make_root

truncate -s 48M "$WORK/source"
printf '%s\n' 'label: gpt' 'size=32MiB, type=L, name=root' | write_table "$WORK/source" 512
read -r _ start size < <(list_partitions "$WORK/source" 512)
make_fs ext4 "$WORK/volume" "$size" 512
make_corpus "$WORK/files" 100
fill_fs ext4 "$WORK/volume" fragmented "$WORK/files"
put_in "$WORK/volume" "$WORK/source" "$start"
trees=$(fs_hash ext4 "$WORK/volume")
before=$(sha "$WORK/source")
poison "$WORK/small" $((16 * MIB))
poison "$WORK/sectors" $((48 * MIB))
attach_loop "$WORK/source" 512
show_disk "$LOOP" 'Samsung SSD 870' S5Y2NJ0R204821F
attach_loop "$WORK/small" 512
show_disk "$LOOP" 'SanDisk Ultra' 4C53000112
attach_loop "$WORK/sectors" 4096
show_disk "$LOOP" 'Ultrastar HC550' 2TKXQ4ND

# a new disk for each clone
fresh_target() {
	poison "$WORK/target" $((48 * MIB))
	attach_loop "$WORK/target" 512
	target=$LOOP
	show_disk "$target" 'Crucial MX500' 2149E5F8C7D1
}

# its loop device may be another test's at once
drop_target() {
	rm -r "$ROOT/sys/block/${target##*/}"
	detach_loop "$target"
}

is_clone() {
	drop_target
	"$SALVOR" map "$WORK/source" --extents >"$WORK/used"
	"$ORACLE" compare "$WORK/source" "$WORK/target" "$WORK/used" || fail 'the target differs'
	[ "$(dump_table "$WORK/source" 512)" = "$(dump_table "$WORK/target" 512)" ] || fail 'another table'
	cut_out "$WORK/target" "$WORK/got" "$start" "$size"
	check_fs ext4 "$WORK/got"
	[ "$(fs_hash ext4 "$WORK/got")" = "$trees" ] || fail 'other files'
	unchanged "$WORK/source" "$before"
}

# what the user has to answer, the boot menu before it left out: one less than the five that are allowed
answers=0
answered() { answers=$((answers + 1)); }
counted() {
	echo "answers: $answers, and the boot menu"
	[ $((answers + 1)) -le 5 ] || fail "$answers answers"
}

note 'curses: nothing is preselected, what cannot be says why'
fresh_target
start_screen 80 24 NO_COLOR=1
see 'What do you want to do?'
see 'disks found'
keys 3
answered
see 'Which disk do you want to CLONE?'
choose 'S5Y2NJ0R204821F'
keys Enter
answered
see 'Which disk should be OVERWRITTEN with the copy?'
! screen | has -E '^(►|>)' || fail 'a target is preselected'
see 'is the source'
see 'too small by 33.6 MB (33554432 bytes)'
keys End
see 'its sectors have 4096 bytes, those of the source 512'
[ "$(screen | wc -L)" -le 80 ] || fail 'wider than the screen'
choose '2149E5F8C7D1'
keys Enter
answered
see 'THIS ERASES A DISK'
see 'S5Y2NJ0R204821F'
see 'not before the check above is typed'
target_before=$(sha "$WORK/target")
choose 'Serial ends'
type_text 'c7d'
keys Enter
see 'not before the check above is typed'
[ "$(sha "$WORK/target")" = "$target_before" ] || fail 'written without the check'
type_text 1
choose 'ERASE'
see 'ERASE the disk and clone'
keys Enter
answered
see 'DONE, AND CHECKED.'
see 'Both disks now have the same IDs: unplug one of the two'
see_not 'stored'
counted
keys l
see 'salvor clone serial=S5Y2NJ0R204821F serial=2149E5F8C7D1'
see '--confirm-erase 2149E5F8C7D1'
keys Escape
see 'Back to start'
is_clone

note 'the chosen disk is replaced by another one between Review and start: refused, nothing written'
fresh_target
keys Enter
see 'What do you want to do?'
keys 3
see 'Which disk do you want to CLONE?'
choose 'S5Y2NJ0R204821F'
keys Enter
choose '2149E5F8C7D1'
keys Enter
see 'THIS ERASES A DISK'
choose 'Serial ends'
type_text c7d1
target_before=$(sha "$WORK/target")
show_disk "$target" 'Crucial MX500' 2149E5F8FFFF
choose 'ERASE'
keys Enter
see 'The disk has changed'
[ "$(sha "$WORK/target")" = "$target_before" ] || fail 'written to another disk'
keys Escape Escape Escape Escape
see 'What do you want to do?'
keys q
choose 'Leave'
keys Enter
ended_with 0
drop_target

note 'plain mode'
fresh_target
answers=0
start_talk
hear 'Clone a disk'
hear '? help'
answer 3
answered
hear 'Step 1 of 3, Source.'
hear 'S5Y2NJ0R204821F'
source_number=$(number_of 'S5Y2NJ0R204821F')
hear 'b back'
answer "$source_number"
answered
hear 'Step 2 of 3, Target.'
# the disks come in the order of their names, which is not always the same
hear 'b back'
tail -n 20 "$WORK/heard" | has -F 'is the source' || fail 'the source is not refused as a target'
target_number=$(number_of '2149E5F8C7D1')
answer "$target_number"
answered
hear 'Step 3 of 3, Review and confirm.'
hear 'Serial ends'
typed_number=$(number_of 'Serial ends')
hear 'b back'
answer "$typed_number"
answer c7d1
hear 'ERASE the disk and clone'
start_number=$(number_of 'ERASE the disk and clone')
hear 'b back'
answer "$start_number"
answered
hear 'DONE, AND CHECKED.'
hear 'Both disks now have the same IDs'
hear 'Back to start'
counted
answer 1
hear 'What do you want to do?'
hear '? help'
leave_talk
is_clone
