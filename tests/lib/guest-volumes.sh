#!/usr/bin/env bash
# guest-volumes.sh - volumes that a guest's kernel wrote: through salvor and partclone, then what another machine finds on them
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced after guest.sh. A volume is a file of $SIZE bytes, $WORK/VOLUME; what sums said of its files when it was written is in
# VOLUME.sums. What salvor restored becomes VOLUME.mine, partclone's VOLUME.theirs, and what of it salvor read VOLUME.extents.

# FOLDER: the sums of all files there, but of not-synced, which a crash may leave or not
sums() { guest_run "cd $1 && find . -type f ! -name not-synced | sort | xargs sha256sum"; }

# VOLUME STATE: saved and restored onto 0xA5
through_salvor() {
	local state
	salvor map --json "$WORK/$1" >"$WORK/map.json"
	state=$(jq -r '.partitions[0].state' "$WORK/map.json")
	[ "$state" = "$2" ] || fail "$1 is $state: $(jq -r '.partitions[0].reason' "$WORK/map.json")"
	salvor map --extents "$WORK/$1" >"$WORK/$1.extents"
	rm -rf -- "${WORK:?}/image"
	expect_rc 0 salvor save --preset fast "$WORK/$1" "$WORK/image"
	poison "$WORK/$1.mine" "$SIZE"
	expect_rc 0 salvor restore --free keep --confirm-erase "$SIZE" "$WORK/image" "$WORK/$1.mine"
	"$ORACLE" compare "$WORK/$1" "$WORK/$1.mine" "$WORK/$1.extents" || fail "$1: bytes differ"
}

# VOLUME PROGRAM: saved and restored by partclone; VOLUME.rc says how its PROGRAM ended, and what it restored is there when that was 0
through_partclone() {
	local rc=0
	rm -f "$WORK/$1.pc" "$WORK/$1.theirs"
	command -v "$2" >/dev/null || return 0
	timeout 60 "$2" -q -c -s "$WORK/$1" -o "$WORK/$1.pc" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null || rc=$?
	echo "exit $rc" >"$WORK/$1.rc"
	[ "$rc" -eq 0 ] || return 0
	poison "$WORK/$1.theirs" "$SIZE"
	timeout 60 partclone.restore -q -C -s "$WORK/$1.pc" -O "$WORK/$1.theirs" -L "$WORK/pc.log" >/dev/null 2>&1 </dev/null ||
		rm "$WORK/$1.theirs"
}

# VOLUME KIND TOOL: of its free space salvor knows exactly as much as the TOOL that free_extents asks
same_as_oracle() {
	free_extents "$2" "$WORK/$1" "$WORK/free"
	printf '0 %d %s\n' "$SIZE" "$WORK/free" >"$WORK/parts"
	"$ORACLE" used "$SIZE" "$WORK/parts" | cmp - "$WORK/$1.extents" || fail "$1: the map is not $3's"
}

# VOLUME DISK MOUNT-ARG...: "N of M files" of the volume, once the guest has mounted the DISK
brought_back() {
	guest_run "mkdir -p /mnt/$2; mount ${*:3} \$(disk $2) /mnt/$2" 2>/dev/null || {
		echo 'does not mount'
		return 0
	}
	sums "/mnt/$2" >"$WORK/now.sums" 2>/dev/null || true
	guest_run "umount /mnt/$2"
	echo "$(comm -12 <(sort "$WORK/$1.sums") <(sort "$WORK/now.sums") | wc -l) of $(wc -l <"$WORK/$1.sums") files"
}

# VOLUME: what brought_back says when nothing is missing
all_of() { echo "$(wc -l <"$WORK/$1.sums") of $(wc -l <"$WORK/$1.sums") files"; }

# VOLUME DISK MOUNT-ARG...: the DISK, which salvor restored, has all files of the volume
all_back() {
	local mine
	mine=$(brought_back "$@")
	[ "$mine" = "$(all_of "$1")" ] || fail "$1: salvor brought back $mine"
}

# VOLUME: for the table: how much of it salvor read
read_row() { echo "$(awk '{ n += $2 } END { print int(n / 1024) }' "$WORK/$1.extents") of $((SIZE / 1024)) KiB read"; }

# VOLUME DISK MOUNT-ARG...: for the table: how partclone ended, and what it brought back
partclone_row() {
	local theirs='not here'
	[ ! -e "$WORK/$1.rc" ] || theirs=$(cat "$WORK/$1.rc")
	[ ! -e "$WORK/$1.theirs" ] || theirs+=": $(brought_back "$@")"
	echo "partclone: $theirs"
}
