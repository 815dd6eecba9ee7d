#!/usr/bin/env bash
# dirty.sh - filesystems that were not shut down: copied while mounted, restored by their map, replayed; beside partclone
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after functions.sh, whose work_dir it calls. The script sets $kind (for mount) and $size (bytes of
# an image) and has a function fsck_rc IMAGE that prints the exit code of the type's own checker. $only is the name of the
# variants that are asked for, or "short": then those in the list $short. No file of write_synced is longer than $grain.
# shellcheck disable=SC2154 # these are the script's

requires jq blockdev python3
requires_loop

# runs last, when nothing is attached any more
drop_ram() {
	[ -n "$RAM" ] || return 0
	! mountpoint -q "$RAM" || umount "$RAM"
	rm -rf -- "${WORK:?}"
}
RAM=
grain=60000

# NAME MIB: $WORK, $mnt to mount at, and $RAM, a folder in memory for hundreds of fsyncs
dirty_begin() {
	cleanup_fn drop_ram
	work_dir "$1"
	mnt=$WORK/mnt RAM=$WORK/ram
	mkdir "$mnt" "$RAM"
	mount -t tmpfs -o "size=$2M" tmpfs "$RAM"
	rows=()
}

# IMAGE OPTIONS: mount through a loop device, whose path goes to $LOOP; false when the kernel refuses
mount_image() {
	attach_loop "$1" 512
	blockdev --setrw "$LOOP" # the flag of an earlier user of this device may have stayed
	mount -t "$kind" -o "$2" "$LOOP" "$mnt" 2>/dev/null && return 0
	detach_loop "$LOOP"
	return 1
}

umount_image() {
	umount "$mnt"
	detach_loop "$LOOP"
}

# NAME: is this variant asked for?
wanted() {
	local one
	if [ "$only" != short ]; then
		[[ $1 == "$only"* ]]
		return
	fi
	for one in "${short[@]}"; do [[ $1 != "$one"* ]] || return 0; done
	return 1
}

# DIR FIRST LAST: files of random data, each fsync'ed, their sums appended to $WORK/sums
write_synced() {
	local i
	mkdir -p "$mnt/$1"
	for ((i = $2; i <= $3; i++)); do
		head -c $((i * 997 % grain + 1)) /dev/urandom >"$WORK/random"
		dd if="$WORK/random" of="$mnt/$1/$i" bs=64k conv=fsync status=none
		(cd "$mnt" && sha256sum "$1/$i") >>"$WORK/sums"
	done
}

# what a running machine does: new files in the place of old ones, appends, renames, folders
work_on() {
	local i
	write_synced new 1 20
	rm -rf "${mnt:?}/old"
	sync -f "$mnt"
	write_synced newer 21 60
	for ((i = 1; i <= 8; i++)); do
		head -c 9000 /dev/urandom | dd of="$mnt/log" bs=9000 oflag=append conv=notrunc,fsync status=none
	done
	(cd "$mnt" && sha256sum log) >>"$WORK/sums"
	truncate -s 300k "$mnt/holes"
	dd if=/dev/urandom of="$mnt/holes" bs=4k count=1 seek=50 conv=notrunc,fsync status=none
	(cd "$mnt" && sha256sum holes) >>"$WORK/sums"
	fallocate -l 200k "$mnt/reserved" 2>/dev/null || truncate -s 200k "$mnt/reserved" # ext3
	dd if=/dev/urandom of="$mnt/reserved" bs=4k count=3 seek=20 conv=notrunc,fsync status=none
	(cd "$mnt" && sha256sum reserved) >>"$WORK/sums"
	head -c 2M /dev/urandom >"$mnt/not-synced" # may be lost, must not disturb
}

# SOURCE TARGET: copy the ranges of the map, which go to $WORK/extents
copy_used() {
	poison "$2" "$size"
	salvor map --extents "$1" >"$WORK/extents" || fail 'no map'
	python3 - "$1" "$2" "$WORK/extents" <<-'END'
		import sys
		with open(sys.argv[1], "rb") as src, open(sys.argv[2], "r+b") as dst:
		    for line in open(sys.argv[3]):
		        start, length = map(int, line.split())
		        src.seek(start)
		        dst.seek(start)
		        dst.write(src.read(length))
	END
}

# bytes that would be read, by the map last asked for
used_bytes() { awk '{ n += $2 } END { printf "%d\n", n }' "$WORK/extents"; }

# IMAGE MOUNT-OPTIONS OUT: which of the fsync'ed files are there as they were written
files_of() {
	mount_image "$1" "$2" || fail "cannot mount $1"
	(cd "$mnt" && sha256sum -c "$WORK/sums" 2>/dev/null) | grep ': OK$' >"$3" || true
	umount_image
}

# IMAGE MOUNT-OPTIONS: "N of M files, fsck RC" of the fsync'ed files, after a replay by the kernel
brought_back() {
	if ! files_of "$1" "$2" "$WORK/ok.back" 2>/dev/null; then
		echo 'does not mount'
		return
	fi
	echo "$(wc -l <"$WORK/ok.back") of $(wc -l <"$WORK/sums") files, fsck $(fsck_rc "$1")"
}

# PROGRAM DIRTY MOUNT-OPTIONS [OPTION]: through partclone and onto 0xA5; its exit code and what came back
through_partclone() {
	local rc=0 out=$RAM/pc.img
	rm -f "$out" "$RAM/part.img"
	timeout 60 "$1" -q -c -s "$2" -o "$out" -L "$WORK/pc.log" ${4:+"$4"} >/dev/null 2>&1 </dev/null || rc=$?
	if [ "$rc" -ne 0 ]; then
		echo "exit $rc ($(tr '\r' '\n' <"$WORK/pc.log" | grep -iE 'error|fail|bitmap|dirty' | tail -n 1 | cut -c 1-100))"
		return
	fi
	poison "$RAM/part.img" "$size"
	timeout 60 partclone.restore -q -C -s "$out" -O "$RAM/part.img" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null || rc=$?
	rm -f "$out"
	echo "exit 0, restore $rc: $(brought_back "$RAM/part.img" "$3")"
}

# DIRTY MOUNT-OPTIONS: a real save and restore, not only the map; prints what came back
through_salvor() {
	local rc=0
	rm -rf -- "${RAM:?}/img"
	salvor save "$1" "$RAM/img" --preset fast >/dev/null 2>&1 || rc=$?
	poison "$RAM/part.img" "$size"
	[ "$rc" -ne 0 ] || salvor restore "$RAM/img" "$RAM/part.img" --confirm-erase "$size" >/dev/null 2>&1 || rc=$?
	rm -rf -- "${RAM:?}/img"
	[ "$rc" -eq 0 ] || fail "save and restore of a dirty volume end with $rc"
	brought_back "$RAM/part.img" "$2"
	rm -f "$RAM/part.img"
}

# NAME DIRTY MINE THEIRS: a row of the table
add_row() {
	local state
	state=$(salvor map --json "$2" | jq -r '.partitions[0].state')
	rows+=("$1 | salvor: exit 0, $state, $(($(used_bytes) / 1024)) of $((size / 1024)) KiB read, $3 | partclone: $4")
	note "${rows[-1]}"
}

show_rows() { [ ${#rows[@]} -eq 0 ] || printf '%s\n' '' "${rows[@]}"; }
