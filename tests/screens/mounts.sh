#!/usr/bin/env bash
# mounts.sh - what is mounted for a flow goes when the flow is left, unless a job has used it or something unfinished is in it
# SPDX-License-Identifier: GPL-3.0-or-later
set -eu -o pipefail
. "$(dirname "$0")/../lib/functions.sh"
. "$(dirname "$0")/../lib/screens.sh"
requires tmux mke2fs
requires_loop
work_dir screens
make_root

# NAME MIB LABEL MODEL SERIAL [FOLDER]
disk() {
	truncate -s "$2M" "$WORK/$1"
	mke2fs -q -F -t ext4 -L "$3" ${6:+-d "$6"} "$WORK/$1"
	attach_loop "$WORK/$1" 512
	show_disk "$LOOP" "$4" "$5"
}
mkdir "$WORK/tree" "$WORK/mnt"
head -c 16000000 /dev/urandom >"$WORK/tree/random"
disk system 32 SYSTEM 'Samsung SSD 870' S5Y2NJ0R204821F "$WORK/tree"
system=$LOOP
disk store 64 STORE 'SanDisk Extreme' 0A33C
store=$LOOP
place() { echo "$ROOT/run/salvor/places/${1##*/}"; }
is_mounted() { grep -qF " $(place "$1") " /proc/self/mounts; }
# whatever the test ends with
away() { for node in "$system" "$store"; do umount -q "$(place "$node")" 2>/dev/null || true; done; }
cleanup_fn away

# NODE: until it is not mounted any more
see_unmounted() {
	local i
	for ((i = 0; i < SEE_TRIES; i++)); do
		is_mounted "$1" || return 0
		sleep 0.1
	done
	fail "$1 stays mounted"
}

# the first page has looked at everything once more
see_turn() {
	mv "$ROOT/sys/block/${store##*/}" "$WORK/pulled"
	see '1 disk found'
	mv "$WORK/pulled" "$ROOT/sys/block/${store##*/}"
	see '2 disks found'
}

# choose the store on the page of places
mount_store() {
	choose '"STORE"'
	keys Enter
	see_path "$(place "$store")"
	is_mounted "$store" || fail 'not mounted'
}

start_screen 80 24 NO_COLOR=1
see 'What do you want to do?'
see '2 disks found'
see_gone 'being looked at'

note 'a store that no job has used'
keys 5
see 'Where are the images?'
mount_store
keys Escape
see 'What do you want to do?'
see_unmounted "$store"
keys 5
see 'Where are the images?'
see_not '/run/salvor'
keys Escape
see 'What do you want to do?'

note 'a volume whose files were looked at, and its lock; not while a shell stands in it'
keys 7
see 'On which volume are the files?'
choose '"SYSTEM"'
keys Enter
see 'random'
[ "$(blockdev --getro "$system")" = 1 ] || fail 'the kernel would let the disk be written'
exec 5<"$(place "$system")"
keys Escape Escape
see 'What do you want to do?'
see_turn
is_mounted "$system" || fail 'unmounted under a shell'
[ "$(blockdev --getro "$system")" = 1 ] || fail 'the lock is gone before the mount'
exec 5<&-
see_unmounted "$system"
keys l
see_path 'is not needed any more, and unmounted'
keys Escape
[ "$(blockdev --getro "$system")" = 0 ] || fail "the kernel's read-only flag was not put back"

note 'a store that a backup has gone to is there for the next step'
keys 1
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Where should the image of disk'
mount_store
choose 'Go on'
keys Enter
see 'START the backup'
keys Enter
see 'DONE, AND CHECKED.'
keys Enter
see 'What do you want to do?'
keys 2
see 'Where are the images?'
see_path "[$(place "$store")]"
is_mounted "$store" || fail 'the store of the backup is gone'
keys Escape
see 'What do you want to do?'
end_screen
see_unmounted "$store"

note 'one with something unfinished in it stays, too: the first page offers that'
mount "$store" "$WORK/mnt"
rm -r "$WORK"/mnt/Samsung*
fallocate -l $(($(df -B1 --output=avail "$WORK/mnt" | tail -n 1) - 8000000)) "$WORK/mnt/ballast"
expect_rc 7 "$SALVOR" save "$system" "$WORK/mnt/half" -q
umount "$WORK/mnt"
start_screen 80 24 NO_COLOR=1
see '2 disks found'
see_gone 'being looked at'
keys 5
see 'Where are the images?'
mount_store
keys Escape
see 'Go on with an unfinished backup, '
see_turn
is_mounted "$store" || fail 'what is offered is not there any more'
end_screen
see_unmounted "$store"

note 'a disk that takes no writes is no store, and is not left mounted'
away
detach_loop "$store"
attach_loop "$WORK/store" 512 -r
[ "$LOOP" = "$store" ] || fail "the disk came back as $LOOP"
start_screen 80 24 NO_COLOR=1
see '2 disks found'
see_gone 'being looked at'
keys 1
choose 'S5Y2NJ0R204821F'
keys Enter
see 'Where should the image of disk'
choose '"STORE"'
keys Enter
see 'can only be mounted read-only'
! is_mounted "$store" || fail 'it stays mounted'
keys Escape
end_screen
