#!/usr/bin/env bash
# tour.sh - for walks through the pages: disks that are the same in each run, under short names, and the walk itself
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after screens.sh, health.sh and faults.sh.

# [ARG...], those of the script: it starts itself anew with mounts of its own, where /dev has the disks sda, sdb ..., whatever
# the machine has. $ROOT has a short name of fixed length, because it is read on the pages.
tour_begin() {
	requires mke2fs sfdisk jq unshare
	/usr/bin/python3 -c 'import pyte' 2>/dev/null || skip 'python3-pyte is not installed'
	requires_loop
	own_mounts "$@"
	work_dir screens-tour
	own_dev
	# as long as the devices can be reached: the names in /dev lead below $WORK, which is unmounted later
	cleanup_fn _detach_all
	make_root
	local short
	GATE=$WORK/gate
	touch "$GATE"
	short=$(mktemp -d /run/sv.XXXXXX)
	cleanup_fn _tour_end
	mv "$ROOT"/* "$short/"
	ROOT=$short
	mkdir -p "$ROOT/run/salvor"
	# what is mounted below it is found by its own name, too
	ln -s "$ROOT" "$ROOT$ROOT"
	fake_smartctl
	# a sanitized program insists on being loaded first, which a preloaded library cannot grant
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
	export ROOT WORK SALVOR FAULTIO_SO GATE
	export -f mounts
}

# a /dev in which names are free: all that is there leads to the real one
own_dev() {
	local i
	mkdir "$WORK/dev"
	mount --rbind /dev "$WORK/dev"
	mount -t tmpfs -o mode=755 dev /dev
	ln -s "$WORK"/dev/* /dev/
	rm -f /dev/sd* /dev/loop[0-9]*
	# also those that are made later
	for ((i = 0; i < 256; i++)); do ln -s "$WORK/dev/loop$i" "/dev/loop$i"; done
}

# what hangs is let go first
_tour_end() {
	touch "$GATE"
	awk -v below="$ROOT/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | tac | while read -r dir; do umount "$dir"; done
	! grep -qF " $ROOT/" /proc/self/mounts || return 0
	rm -rf -- "${ROOT:?}"
}

# SEED BYTES: always the same ones, that do not compress
random_bytes() { python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(int(sys.argv[1])).randbytes(int(sys.argv[2])))' "$@"; }

# FILE BYTES LABEL [FOLDER]: an ext4 that is the same in each run
same_ext4() {
	rm -f -- "$1"
	truncate -s "$2" "$1"
	E2FSPROGS_FAKE_TIME=1780000000 mke2fs -q -F -t ext4 -U 11111111-2222-3333-4444-555555555555 -L "$3" \
		-E hash_seed=11111111-2222-3333-4444-555555555555 ${4:+-d "$4"} "$1"
}

# NAME MODEL SERIAL [HEALTH [SECTOR]]: the file $WORK/NAME is the disk /dev/NAME
tour_disk() {
	attach_loop "$WORK/$1" "${5:-512}"
	show_disk "$LOOP" "$2" "$3"
	local dev
	dev=$(cat "$ROOT/sys/block/${LOOP##*/}/dev")
	mv "$ROOT/sys/block/${LOOP##*/}" "$ROOT/sys/block/$1"
	rm -r "$ROOT/sys/class/block/${LOOP##*/}" "$ROOT/sys/block/$1/loop"
	ln -sfn "../../block/$1" "$ROOT/sys/class/block/$1"
	ln -sfn "../../block/$1" "$ROOT/sys/dev/block/$dev"
	mknod "/dev/$1" b "${dev%:*}" "${dev#*:}"
	[ -z "${4:-}" ] || answer_of "$1" "$4"
}

# $WORK/sda: two partitions with files, 12 MB of which do not compress
tour_system() {
	local n start size
	mkdir -p "$WORK/system/photos"
	random_bytes 3 12000000 >"$WORK/system/photos/all"
	find "$WORK/system" -exec touch -d 2026-01-02T03:04:05Z {} +
	truncate -s 64M "$WORK/sda"
	printf '%s\n' 'label: gpt' 'label-id: 11111111-2222-3333-4444-555555555555' \
		'size=40MiB, type=L, name=root, uuid=11111111-2222-3333-4444-000000000001' \
		'size=8MiB, type=L, name=home, uuid=11111111-2222-3333-4444-000000000002' | write_table "$WORK/sda" 512
	while read -r n start size; do
		if [ "$n" = 1 ]; then
			same_ext4 "$WORK/volume" "$size" root "$WORK/system"
		else
			same_ext4 "$WORK/volume" "$size" home
		fi
		put_in "$WORK/volume" "$WORK/sda" "$start"
	done < <(list_partitions "$WORK/sda" 512)
}

# the disks of the tree know what is mounted below it, and what $ROOT/more-mounts says
mounts() {
	local table
	for table in mounts mountinfo; do
		grep -F " $ROOT/" "/proc/self/$table" >"$ROOT/proc/self/$table" || true
	done
	cat "$ROOT/more-mounts" >>"$ROOT/proc/self/mountinfo" 2>/dev/null || true
}

# MODE TABLE
tour_walk() {
	local rc=0
	/usr/bin/python3 -B "$TOP/tests/lib/tour.py" "$1" "$2" "$TOP/tests/screens/golden" || rc=$?
	[ "$rc" = 0 ] || fail "the tour ended with $rc"
}

# every page that the source has must have been walked over
tour_covers_all_pages() {
	awk '/^const struct screen_ops .*{$/ { on = 1 } on && /\.name = "/ { gsub(/.*= "|".*/, ""); print; on = 0 }' "$TOP"/tui/*.c |
		sort >"$WORK/all-pages"
	! comm -23 "$WORK/all-pages" <(sort "$WORK/pages") | grep . || fail 'these pages are not in the tour'
	note "$(wc -l <"$WORK/all-pages") pages, all of them"
}
