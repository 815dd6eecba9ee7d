#!/usr/bin/env bash
# pages.sh - the booted live image, used by its pages alone: a disk is backed up to a second, restored to a third, cloned to a fourth
# SPDX-License-Identifier: GPL-3.0-or-later
#
# usage: pages.sh vga|serial      the screen and keyboard of the computer, or a terminal on a serial line
#
# The serial line of the tests' own shell only looks; everything that happens to the disks is done with keys. Pictures of the
# screen are kept in $BUILD/logs.
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
kind=${1:?usage: pages.sh vga|serial}
requires_loop
work_dir "pages-$kind"
. "$TOP/tests/lib/guest.sh"
. "$TOP/tests/lib/live.sh"
[ "$kind" != serial ] || requires tmux socat

make_disks() {
	local start size
	truncate -s 64M "$WORK/system"
	printf '%s\n' 'label: gpt' 'size=48MiB, type=L, name=root' | write_table "$WORK/system" 512
	read -r _ start size < <(list_partitions "$WORK/system" 512)
	make_fs ext4 "$WORK/volume" "$size" 512
	make_corpus "$WORK/files" 200
	fill_fs ext4 "$WORK/volume" fragmented "$WORK/files"
	put_in "$WORK/volume" "$WORK/system" "$start"
	truncate -s 96M "$WORK/store"
	mke2fs -q -F -t ext4 -L backups "$WORK/store"
	poison "$WORK/spare" $((64 * MIB))
	poison "$WORK/twin" $((64 * MIB))
}

# the terminal at the other end of the line
start_terminal() {
	local i
	TMUX_SOCKET=$WORK/tmux
	for ((i = 0; i < 600; i++)); do
		[ ! -S "$WORK/line" ] || break
		sleep 0.1
	done
	tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 80 -y 24 -s screen env TERM=tmux LC_ALL=C.UTF-8 \
		socat -,raw,echo=0 "UNIX-CONNECT:$WORK/line"
	cleanup_fn end_screen
	SEE_TRIES=3000
	MARK_TRIES=50
	keys Enter
	see ':~#'
	type_text 'salvor'
	keys Enter
}

# NAME: keep what the page looks like
picture() {
	if [ "$kind" = vga ]; then
		vga_picture "pages-$1"
	else
		screen >"$TOP/${BUILD:-build}/logs/pages-serial-$1.txt"
	fi
}

make_disks
before=$(sha "$WORK/system")
guest_new
guest_disk SYSTEM "$WORK/system"
guest_disk STORE "$WORK/store"
guest_disk SPARE "$WORK/spare"
guest_disk TWIN "$WORK/twin"
if [ "$kind" = serial ]; then
	live_boot bios-usb -device virtio-serial-pci -chardev "socket,id=line,path=$WORK/line,server=on,wait=off" \
		-device virtconsole,chardev=line
	start_terminal
else
	. "$TOP/tests/lib/vga.sh"
	live_boot bios-usb
fi

note 'the language is asked for once: no answer of those that are counted'
see 'Go on in English'
picture welcome
keys Enter

note 'home'
see 'What do you want to do?'
see '5 disks found'
picture home

note 'back up: source, destination, review'
keys 1
see 'Which disk do you want to SAVE?'
see '1 "t-ext4" ext4'
choose 'S/N SYSTEM'
picture source
keys Enter
see 'Where should the image of disk'
choose 'backups'
keys Enter
see '[/run/salvor/places'
picture place
keys Enter
see 'START the backup'
see 'S/N SYSTEM'
picture review
keys Enter
see 'DONE, AND CHECKED.'
picture result
keys Enter
see 'What do you want to do?'

note 'restore: image, target, typed check'
keys 2
see 'Where are the images?'
choose 'Go on'
keys Enter
see 'Which image in'
picture image
keys Enter
see 'Which disk should be OVERWRITTEN'
choose 'S/N SPARE'
picture target
keys Enter
see 'THIS ERASES A DISK'
choose 'Serial ends'
type_text pare
choose 'ERASE'
picture erase
keys Enter
see 'DONE, AND CHECKED.'
keys Enter
see 'What do you want to do?'

note 'clone: source, target, typed check'
keys 3
see 'Which disk do you want to CLONE?'
choose 'S/N SYSTEM'
keys Enter
see 'OVERWRITTEN with the copy'
choose 'S/N TWIN'
keys Enter
see 'THIS ERASES A DISK'
choose 'Serial ends'
type_text twin
choose 'ERASE'
picture clone
keys Enter
see 'DONE, AND CHECKED.'
see 'Both disks now have the same IDs'
keys Enter
see 'What do you want to do?'

note 'power off by the page'
keys q
see 'Power off'
choose 'Power off'
keys Enter
guest_off 600
guest_kill

note 'from outside: the source is as it was, the target is the same, and both tables are'
[ "$(sha "$WORK/system")" = "$before" ] || fail 'the source has changed'
[ "$(dump_table "$WORK/system" 512)" = "$(dump_table "$WORK/spare" 512)" ] || fail 'another table'
attach_loop "$WORK/store" 512
mkdir "$WORK/mnt"
mount -o ro "$LOOP" "$WORK/mnt"
cleanup_fn umount "$WORK/mnt"
image=$(echo "$WORK"/mnt/*SYSTEM*)
"$SALVOR" verify "$image" --against "$WORK/system" >/dev/null || fail 'the image is not the source'
"$SALVOR" verify "$image" --against "$WORK/spare" >/dev/null || fail 'the target is not what was saved'
"$SALVOR" verify "$image" --against "$WORK/twin" >/dev/null || fail 'the clone is not the source'
