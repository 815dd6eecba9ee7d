#!/usr/bin/env bash
# failing.sh - for tests of the rescue in the interface: a failing disk, a target, a store, a read that hangs
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, screens.sh, health.sh and faults.sh.

# how the interface is started: NAME=VALUE..., columns, rows
LOOKS=(NO_COLOR=1)
SIZE=(80 24)

# an ext4 full of noise, with areas that cannot be read where it keeps no metadata; and a store beside it
make_failing() {
	truncate -s 24M "$WORK/source"
	mkdir "$WORK/files" "$WORK/store"
	head -c $((14 * MIB)) /dev/urandom >"$WORK/files/noise"
	mke2fs -q -F -t ext4 -b 1024 -L DATA -d "$WORK/files" "$WORK/source"
	attach_loop "$WORK/source" 512
	source=$LOOP
	show_disk "$source" 'WD Blue' WCC6Y5U91K7P
	answer_of "${source##*/}" ata-pending
	bad=(9000448-9000960 12000256-12100096)
	truncate -s 64M "$WORK/store.img"
	mke2fs -q -F -t ext4 -O ^has_journal -L STORE "$WORK/store.img"
	attach_loop "$WORK/store.img" 512
	mount "$LOOP" "$WORK/store"
	cleanup_fn umount "$WORK/store"
	grep -F " $WORK/store " /proc/self/mountinfo >"$ROOT/proc/self/mountinfo"
	grep -F " $WORK/store " /proc/self/mounts >"$ROOT/proc/self/mounts"
}

fresh_target() {
	poison "$WORK/target" $((26 * MIB))
	attach_loop "$WORK/target" 512
	target=$LOOP
	show_disk "$target" 'Seagate IronWolf' ZA1Q0Z2
}

drop_target() {
	rm -r "$ROOT/sys/block/${target##*/}"
	detach_loop "$target"
}

# [RULE...]: FAULTIO for the failing disk, and more faults
faults_of() {
	local rules=("$@") range
	for range in "${bad[@]}"; do
		rules+=("$source:r:${range%-*}:${range#*-}:5")
	done
	echo "${rules[*]}"
}

# [RULE...]: the interface on the failing disk
start_failing() {
	start_screen "${SIZE[@]}" "${LOOKS[@]}" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		LD_PRELOAD="$FAULTIO_SO" FAULTIO="$(faults_of "$@")"
}

# [RULE...]: the same; and one read in the middle of the noise does not come back before the gate is open
# shellcheck disable=SC2120 # that are rarely needed
start_waiting() {
	GATE=$WORK/gate
	rm -f -- "$GATE"
	LOOKS+=(FAULTIO_GATE="$GATE")
	start_failing "$source:r:15000000:15100000:W:0:1" "$@"
	cleanup_fn touch "$GATE"
}

# COPY MAP: what was rescued is what is on the disk, the rest is zeros, and the map says so
is_rescued() { "$TOP/tests/lib/rescued.py" truth "$WORK/source" "$1" "$2" 0 "${bad[@]}"; }

# up to the page of the running rescue into the file NAME.raw
rescue_into() {
	keys 4
	see 'Which disk is FAILING?'
	choose 'WCC6Y5U91K7P'
	keys Enter
	see 'Which disk should be OVERWRITTEN'
	choose 'Into a file'
	keys Enter
	see 'Where should the copy and the map of the rescue go?'
	fill_in 'Folder' "$WORK/store"
	fill_in 'Name' "$1"
	choose 'Go on'
	keys Enter
	see "/store/$1.raw"
	see "/store/$1.map"
	choose 'START the rescue'
	keys Enter
}
