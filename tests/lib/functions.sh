#!/usr/bin/env bash
# functions.sh - what round trip scripts share: cleaning up, loop devices, tables, a small disk, comparisons
# SPDX-License-Identifier: GPL-3.0-or-later
#
# To be sourced by a script in tests/roundtrip/ right after `set -eu -o pipefail`.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SALVOR=${SALVOR:-$TOP/${BUILD:-build}/salvor}
ORACLE=$TOP/tests/lib/oracle.py
export LC_ALL=C.UTF-8 TZ=UTC MTOOLS_SKIP_CHECK=1
# mke2fs and friends live there, and a user's PATH may lack it
export PATH=$PATH:/usr/sbin:/sbin
MIB=$((1024 * 1024))

# --- ends and beginnings ---

_cleanups=0

# CMD ARG...: run this when the script ends, last registered first
cleanup_fn() {
	declare -ga "_cleanup$_cleanups=()"
	local -n argv=_cleanup$_cleanups
	# shellcheck disable=SC2034 # read through a reference of another name below
	argv=("$@")
	_cleanups=$((_cleanups + 1))
}

_run_cleanups() {
	local i
	set +e
	for ((i = _cleanups - 1; i >= 0; i--)); do
		declare -n _one=_cleanup$i
		"${_one[@]}"
	done
}
trap _run_cleanups EXIT
trap 'exit 143' TERM INT HUP
# a script that `set -e` ends says where: its log is all that is left of it
set -E
trap 'echo "FAILED: ${BASH_SOURCE[0]##*/} line $LINENO: $BASH_COMMAND" >&2' ERR

# SENTENCE: end as skipped, with the reason as the last line
skip() {
	echo "$*"
	exit 77
}

# SENTENCE: end as failed
fail() {
	echo "FAILED: $*" >&2
	exit 1
}

note() { echo "--- $*"; }

# what grep takes: does the input have it? Unlike grep -q it reads to the end: a writer that is cut off would
# fail its pipe by chance
has() { grep "$@" >/dev/null; }

# PROGRAM...: skip the test when one of them is not installed
requires() {
	local prog
	for prog in "$@"; do
		command -v "$prog" >/dev/null || skip "$prog is not installed"
	done
}

# skip the test when loop devices cannot be made (no root, or a container without them)
requires_loop() { have_loop || skip 'loop devices need root and /dev/loop-control'; }

# ARG...: the script again, with its arguments, in a mount table of its own: a process elsewhere that copies the table
# would keep our filesystems alive after umount, and so would this copy those of other tests
own_mounts() {
	[ -n "${OWN_MOUNTS:-}" ] || OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
	awk '$1 ~ "^/dev/loop" { print $2 }' /proc/self/mounts | while read -r at; do
		umount -l "$at" 2>/dev/null || true
	done
}

have_loop() { [ "$(id -u)" -eq 0 ] && losetup -f >/dev/null 2>&1; }

# skip the test when FUSE mounts cannot be made (drivers that fill NTFS and exFAT)
requires_fuse() { [ -w /dev/fuse ] || skip 'filling NTFS and exFAT needs /dev/fuse'; }

# KIND: skip the test when filling such a filesystem needs a mount that cannot be had
requires_kernel_fs() {
	requires "mkfs.$1"
	requires_loop
	grep -qw "$1" /proc/filesystems || modprobe -q "$1" 2>/dev/null || true
	grep -qw "$1" /proc/filesystems || skip "this kernel does not mount $1"
}

# NAME: make a folder of our own under the build folder, in $WORK. At the end everything that is
# mounted or attached from it is let go, also what a subshell left, and it is removed (KEEP=1 keeps it)
work_dir() {
	local base=$TOP/${BUILD:-build}/tmp
	mkdir -p "$base"
	WORK=$(mktemp -d "$base/$1.XXXXXX")
	[ -n "${KEEP:-}" ] || cleanup_fn rm -rf -- "${WORK:?}"
	cleanup_fn _detach_all
	cleanup_fn _umount_all
	[ -x "$SALVOR" ] || fail "$SALVOR is not built"
}

_umount_all() {
	local dir
	awk -v below="$WORK/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | tac |
		while read -r dir; do umount "$dir"; done
}

_detach_all() {
	local dev file
	have_loop || return 0
	losetup -n -l -O NAME,BACK-FILE | while read -r dev file; do
		[[ $file != "$WORK"/* ]] || losetup -d "$dev"
	done
}

# --- running salvor ---

salvor() { "$SALVOR" "$@"; }

# CODE CMD ARG...: the command must end with this exit code; its output goes to $WORK/out and /err
expect_rc() {
	local want=$1 rc=0
	shift
	"$@" >"$WORK/out" 2>"$WORK/err" || rc=$?
	[ "$rc" -eq "$want" ] || {
		tail -n 20 "$WORK/out" "$WORK/err" >&2
		fail "exit code $rc instead of $want: $*"
	}
}

# TEXT: the last expect_rc must have said this on stderr
expect_said() {
	grep -qiF -e "$1" "$WORK/err" || {
		cat "$WORK/err" >&2
		fail "stderr does not say '$1'"
	}
}

# a port nobody listens on
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# --- devices and files ---

# LOOP: forget the partitions of the file that it stood for before: where the kernel reads no tables they stay
drop_partitions() {
	local part
	for part in "$1"p*; do
		[ ! -b "$part" ] || delpart "$1" "${part##*p}" || true
	done
}

# FILE SECTOR [losetup options]: attach a loop device for a file below $WORK; its path is in $LOOP
attach_loop() {
	local file=$1 sector=$2
	shift 2
	LOOP=$(losetup -f --show --sector-size "$sector" "$@" -- "$file")
	[ $# != 0 ] || drop_partitions "$LOOP"
	# a loop device keeps the soft read-only flag that a killed test set on it for another file
	blockdev --setrw "$LOOP" || true
}

detach_loop() { losetup -d "$1"; }

# FILE: the same with 512 byte sectors, and a node for each of its partitions, also where the kernel reads no tables
attach_parts() {
	local n start size
	attach_loop "$1" 512 -P
	while read -r n start size; do
		[ -b "${LOOP}p$n" ] || addpart "$LOOP" "$n" $((start / 512)) $((size / 512)) || true
	done < <(list_partitions "$1" 512)
}

# FILE BYTES: (re)create FILE full of 0xA5, so that nothing on a target is zero by luck
poison() { "$ORACLE" poison "$1" "$2"; }

# FILE: SHA-256
sha() { "$ORACLE" sha "$1"; }

# DIR: one SHA-256 over names and contents of all regular files below
tree_hash() {
	(cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum) |
		sha256sum | cut -d ' ' -f 1
}

# DISK OUT START SIZE: copy a range of bytes (multiples of 512) out of a disk into a sparse file
cut_out() {
	dd if="$1" of="$2" bs=1M iflag=skip_bytes,count_bytes,fullblock skip="$3" count="$4" \
		conv=sparse status=none
	truncate -s "$4" "$2"
}

# FILE DISK START: put a filesystem image at a byte offset of a disk
put_in() {
	dd if="$1" of="$2" bs=1M oflag=seek_bytes seek="$3" conv=notrunc,sparse status=none
}

# --- tables ---

# DISK SECTOR FUNCTION ARG...: call FUNCTION DEV ARG..., DEV having that sector size. Partition tools
# take 512 byte sectors from a file, so 4096 needs a loop device.
with_sectors() {
	local disk=$1 sector=$2 rc=0
	shift 2
	if [ "$sector" -eq 512 ] || [ -b "$disk" ]; then
		"$1" "$disk" "${@:2}"
		return
	fi
	attach_loop "$disk" "$sector"
	"$1" "$LOOP" "${@:2}" || rc=$?
	detach_loop "$LOOP"
	return $rc
}

_sfdisk_write() { sfdisk -q --no-reread --no-tell-kernel --wipe never "$1" <"$2"; }
_sfdisk_dump() { sfdisk -d "$1" | sed -e '/^device:/d' -e 's/^[^ ]*[^0-9]\([0-9]*\) :/\1 :/'; }
_sfdisk_json() { sfdisk -J "$1"; }

# DISK SECTOR: write the table described on stdin in sfdisk's language
write_table() {
	cat >"$WORK/table.sfdisk"
	with_sectors "$1" "$2" _sfdisk_write "$WORK/table.sfdisk"
}

# DISK SECTOR: the table as text without the device's name
dump_table() { with_sectors "$1" "$2" _sfdisk_dump; }

# DISK SECTOR: "NUMBER START SIZE" (bytes) of every partition that is not extended
list_partitions() {
	with_sectors "$1" "$2" _sfdisk_json | jq -r --argjson s "$2" '.partitiontable.partitions[]
		| select((.type | ascii_downcase) as $t | ["5", "f", "85"] | index($t) | not)
		| "\(.node | capture("(?<n>[0-9]+)$").n) \(.start * $s) \(.size * $s)"'
}

. "$TOP/tests/lib/filesystems.sh"

# --- a small disk for the scripts that look at one property ---

# kinds of its partitions 1, 2, 3 and 4
SMALL_KINDS=(- fat16 ext4 ext2 swap)

# DISK: 90 MiB, 512 byte sectors, GPT: ESP, ext4 (full of files), ext2 (fragmented), swap, and a gap
# with a boot loader's bytes. Partition 2 also holds $WORK/unique, 64 KiB found nowhere else. Leaves "NUMBER START SIZE KIND" in $WORK/parts, what must be read in
# $WORK/used
make_small_disk() {
	local disk=$1 n start size
	local states=(- fragmented fragmented fragmented empty)
	requires jq python3 sfdisk dumpe2fs mke2fs mkfs.fat mcopy blkls
	make_corpus "$WORK/corpus" 100
	head -c 65536 /dev/urandom >"$WORK/unique"
	head -c $((4 * MIB)) /dev/urandom >"$WORK/before"
	truncate -s $((90 * MIB)) "$disk"
	printf '%s\n' 'label: gpt' 'start=2MiB, size=20MiB, type=U, name="EFI system"' \
		'size=24MiB, type=L, name=root' 'size=16MiB, type=L, name=data' 'size=8MiB, type=S' |
		write_table "$disk" 512
	list_partitions "$disk" 512 | while read -r n start size; do
		make_fs "${SMALL_KINDS[n]}" "$WORK/volume" "$size" 512
		fill_fs "${SMALL_KINDS[n]}" "$WORK/volume" "${states[n]}" "$WORK/corpus"
		# far enough from the start not to be read by those who ask what the volume is
		[ "$n" -ne 2 ] || printf 'write %s\n' "$WORK/before before.bin" "$WORK/unique unique.bin" | _debugfs "$WORK/volume"
		put_in "$WORK/volume" "$disk" "$start"
		free_extents "${SMALL_KINDS[n]}" "$WORK/volume" "$WORK/free.$n"
		echo "$start $size $WORK/free.$n" >>"$WORK/oracle-parts"
		echo "$n $start $size ${SMALL_KINDS[n]}" >>"$WORK/parts"
	done
	printf 'core.img of a boot loader' | dd of="$disk" bs=1 seek=20480 conv=notrunc status=none
	"$ORACLE" used "$(stat -c %s "$disk")" "$WORK/oracle-parts" >"$WORK/used"
}

# N: sets START and SIZE of partition N of the small disk
partition_range() { read -r _ START SIZE _ < <(grep "^$1 " "$WORK/parts"); }

# DISK N: tree hash of the small disk's partition N on DISK, checked by its own checker first
partition_hash() {
	partition_range "$2"
	cut_out "$1" "$WORK/volume" "$START" "$SIZE"
	check_fs "${SMALL_KINDS[$2]}" "$WORK/volume"
	fs_hash "${SMALL_KINDS[$2]}" "$WORK/volume"
}

# SOURCE TARGET N: both hold the same files in partition N
same_trees() {
	[ "$(partition_hash "$1" "$3")" = "$(partition_hash "$2" "$3")" ] ||
		fail "the files of partition $3 differ"
}

# FILE BEFORE: its SHA-256 must still be BEFORE
unchanged() { [ "$(sha "$1")" = "$2" ] || fail "$1 was written to"; }
