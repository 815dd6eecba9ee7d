#!/usr/bin/env bash
# rescue-image.sh - a failing disk becomes an image by keystrokes alone: stopped, found again, gone on with, also while it is made
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
. "$(dirname "$0")/../lib/health.sh"
. "$(dirname "$0")/../lib/faults.sh"
. "$(dirname "$0")/../lib/failing.sh"
requires tmux mke2fs python3 zstd
requires_loop
work_dir screens-rescue-image
make_root
fake_smartctl
make_failing
mkdir "$WORK/store/deep"
# what is mounted is found by its own name
mkdir -p "$ROOT$WORK"
ln -s "$WORK/store" "$ROOT$WORK/store"
before=$(sha "$WORK/source")
# what could not be read is zeros
cp "$WORK/source" "$WORK/want"
for range in "${bad[@]}"; do
	dd if=/dev/zero of="$WORK/want" bs=512 seek=$((${range%-*} / 512)) count=$(((${range#*-} - ${range%-*}) / 512)) conv=notrunc status=none
done

# IMAGE: it is whole, and nothing is left beside it
is_image() {
	[ ! -e "$1.rescue" ] || fail 'the copy is still there'
	[ ! -e "$1.part" ] || fail 'the unfinished image is still there'
	expect_rc 3 salvor verify "$1"
	zstd -dcq "$1"/disk.img.zst* | cmp - "$WORK/want" || fail 'the image is not what was rescued'
	has -F '/noise ' <"$1/report.txt" || fail 'the file that was hit is not in the report'
	rm -r "$1"
}

# FOLDER NAME: up to the last page
to_last_page() {
	keys 4
	see 'Which disk is FAILING?'
	choose 'WCC6Y5U91K7P'
	keys Enter
	see 'Which disk should be OVERWRITTEN'
	choose 'Into an image'
	keys Enter
	see 'Where should the image go?'
	fill_in 'Folder' "$1"
	fill_in 'Image ' "$2"
	choose 'Go on'
	keys Enter
}

note 'from the first page to the image'
start_failing
see '1 disk found'
to_last_page "$WORK/store" one
see 'TO    the image'
see_not 'THIS ERASES A DISK'
see_path "$WORK/store/one.rescue/rescue.map"
see_path "salvor rescue serial=WCC6Y5U91K7P $WORK/store/one --image"
choose 'START the rescue'
keys Enter
see 'DONE, BUT SOME AREAS COULD NOT BE READ.'
see 'The image is made and checked; the copy and the map are gone.'
see '1 file was hit:'
see 'List  in the image: report.txt'
see 'in 2 areas'
see_not 'Try the bad sectors once more'
keys f
see_path "$WORK/store/one/report.txt"
keys Escape
see 'DONE, BUT SOME'
note 'a name that is taken is refused'
keys Escape
see 'What do you want to do?'
see_not 'unfinished'
to_last_page "$WORK/store" one
see 'an image of this name is already there'
keys Escape Escape Escape Escape
see 'What do you want to do?'
end_screen
is_image "$WORK/store/one"

note 'stopped; found again after a restart, though it lies deep in the store'
start_waiting
see '1 disk found'
to_last_page "$WORK/store/deep" two
choose 'START the rescue'
keys Enter
see 'does not answer, '
keys s
touch "$GATE"
see 'STOPPED. THE MAP IS KEPT.'
see_path "$WORK/store/deep/two.rescue/rescue.map"
end_screen
start_failing
see 'Go on with an unfinished rescue, '
keys u
see 'it is there already: the rescue goes on at '
see_path "$WORK/store/deep/two"
see 'TO    the image'
choose 'GO ON with the rescue'
keys Enter
see 'The image is made and checked'
keys Escape
see 'What do you want to do?'
see_gone 'unfinished rescue'
end_screen
is_image "$WORK/store/deep/two"

note 'stopped while the image is made: it is a rescue that is gone on with, not a backup of a failing disk'
GATE=$WORK/gate
rm -f -- "$GATE"
LOOKS+=(FAULTIO_GATE="$GATE")
start_failing three.part/disk.img:w:0:0:W:0:1
cleanup_fn touch "$GATE"
see '1 disk found'
to_last_page "$WORK/store" three
choose 'START the rescue'
keys Enter
see 'The copy becomes an image, '
see_not 'P Pause'
keys s
touch "$GATE"
see 'STOPPED. THE MAP IS KEPT.'
keys Escape
see 'Go on with an unfinished rescue, 99 %'
see_not 'unfinished backup'
keys u
see 'it is there already: the rescue goes on at 99 %'
choose 'GO ON with the rescue'
keys Enter
see 'The image is made and checked'
end_screen
is_image "$WORK/store/three"

note 'only free space is bad: nothing is missing, and that is what is said'
bad=(20971520-20975616)
start_failing
see '1 disk found'
to_last_page "$WORK/store" four
choose 'START the rescue'
keys Enter
see 'DONE: ONLY FREE SPACE COULD NOT BE READ.'
end_screen
expect_rc 0 salvor verify "$WORK/store/four"
[ "$(sha "$WORK/source")" = "$before" ] || fail 'the source was written'
