#!/usr/bin/env bash
# functions.sh - what round trip scripts share: cleaning up, loop devices, filesystems with real files, comparisons
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

have_loop() { [ "$(id -u)" -eq 0 ] && losetup -f >/dev/null 2>&1; }

# skip the test when FUSE mounts cannot be made (ntfs-3g fills NTFS)
requires_fuse() { [ -w /dev/fuse ] || skip 'filling NTFS needs /dev/fuse'; }

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

# FILE SECTOR [losetup options]: attach a loop device for a file below $WORK; its path is in $LOOP
attach_loop() {
	local file=$1 sector=$2
	shift 2
	LOOP=$(losetup -f --show --sector-size "$sector" "$@" -- "$file")
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

# --- filesystems: make_FS FILE BYTES SECTOR, then fill_FS FILE empty|full|fragmented CORPUS ---

# DIR N: a tree of about N real files of this machine, with names that FAT and NTFS can keep
make_corpus() {
	local dir=$1 n=$2 i=0 file name
	while IFS= read -r file; do
		[ $((i % 40)) -ne 0 ] || mkdir -p "$dir/folder$((i / 40))"
		name=${file##*/}
		name=${name//[!A-Za-z0-9._-]/_}
		cp -- "$file" "$dir/folder$((i / 40))/$i-${name:0:40}"
		i=$((i + 1))
	done < <(find -L /usr/share/doc /usr/share/common-licenses /usr/share/perl* /usr/lib/python3 \
		/usr/share/misc /usr/include -type f -size +0 -size -64k 2>/dev/null |
		LC_ALL=C sort | awk -v n="$n" '{ all[NR] = $0 } END {
			step = NR > n ? NR / n : 1; for (i = 1; i <= NR; i += step) print all[int(i)] }')
	[ "$i" -gt 0 ] || fail 'no files on this machine to fill filesystems with'
	# one file that is larger than any hole, and one with a hole of its own
	head -c 200000 /dev/urandom >"$dir/large.bin"
	truncate -s 300000 "$dir/zeros.bin"
}

# KIND FILE BYTES SECTOR: mkfs of the right kind; blocks never smaller than the sector
make_fs() {
	local kind=$1 file=$2 bytes=$3 sector=$4 opts=()
	rm -f -- "$file"
	truncate -s "$bytes" "$file"
	case $kind in
	ext2 | ext3 | ext4)
		# small volumes get 1 KiB blocks by themselves, which is a good test of its own
		[ "$sector" -eq 512 ] || opts=(-b 4096)
		mke2fs -q -F -t "$kind" "${opts[@]}" -L "t-$kind" "$file"
		;;
	ntfs)
		mkntfs -F -q -s "$sector" -p 2048 -H 16 -S 63 -L t-ntfs "$file" >/dev/null 2>&1
		;;
	fat12 | fat16 | fat32)
		# one sector per cluster gives the type its number of clusters on the smallest volume
		[ "$kind-$sector" = fat16-512 ] || [ "$kind" = fat12 ] || opts=(-s 1)
		mkfs.fat -S "$sector" -F "${kind#fat}" "${opts[@]}" -n "T-${kind^^}" "$file" >/dev/null
		;;
	swap)
		mkswap -q -L t-swap "$file"
		;;
	esac
}

# FILE: debugfs commands on stdin; whatever it says beyond its echo is a complaint
_debugfs() {
	debugfs -w -f - "$1" >"$WORK/debugfs.out" 2>&1
	! grep -v -e '^debugfs' -e '^Allocated inode' -e '^$' "$WORK/debugfs.out" ||
		fail "debugfs complains about $1"
}

# FILE: number of free blocks times block size
_ext_free() {
	dumpe2fs -h "$1" 2>/dev/null | awk -F: '/^Free blocks/ {f=$2} /^Block size/ {b=$2} END {print f*b}'
}

_ext_add_corpus() {
	local file=$1 corpus=$2
	(cd "$corpus" && find . -mindepth 1 -type d -printf 'mkdir %P\n' &&
		find . -type f -printf 'write %p %P\n') | (cd "$corpus" && _debugfs "$file")
}

_fill_ext() {
	local file=$1 state=$2 corpus=$3 n
	[ "$state" != empty ] || return 0
	_ext_add_corpus "$file" "$corpus"
	case $state in
	full)
		# leave room for the indirect blocks of ext2 and ext3
		n=$(($(_ext_free "$file") * 98 / 100))
		head -c "$n" /dev/urandom >"$WORK/filler"
		echo "write $WORK/filler filler.bin" | _debugfs "$file"
		rm -f "$WORK/filler"
		;;
	fragmented)
		# every second file goes, then one that is laid into some of the holes
		(cd "$corpus" && find . -type f -name '*[02468]-*' -printf 'rm %P\n') | _debugfs "$file"
		echo "write $corpus/large.bin pieces.bin" | _debugfs "$file"
		;;
	esac
	e2fsck -fn "$file" >"$WORK/fsck.out" 2>&1 || fail "e2fsck finds the fixture broken: $(cat "$WORK/fsck.out")"
}

_fill_fat() {
	local file=$1 state=$2 corpus=$3 n
	[ "$state" != empty ] || return 0
	mcopy -s -Q -i "$file" "$corpus"/* ::
	case $state in
	full)
		n=$(mdir -i "$file" :: | awk '/bytes free/ { gsub(/[^0-9]/, ""); print }')
		head -c "$n" /dev/urandom >"$WORK/filler"
		mcopy -i "$file" "$WORK/filler" ::filler.bin
		rm -f "$WORK/filler"
		;;
	fragmented)
		(cd "$corpus" && find . -type f -name '*[02468]-*' -printf '::%P\n') |
			xargs -r mdel -i "$file"
		mcopy -i "$file" "$corpus/large.bin" ::pieces.bin
		;;
	esac
}

# FILE DIR rw|ro: mount NTFS; ntfs_umount DIR in the same shell waits until the driver let the file go
ntfs_mount() {
	local n
	mkdir -p "$2"
	ntfs-3g -o "$3,no_detach" "$1" "$2" >"$WORK/ntfs-3g.log" 2>&1 &
	_ntfs_pid=$!
	for n in $(seq 200); do
		! mountpoint -q "$2" || return 0
		sleep 0.05
	done
	fail "ntfs-3g did not mount $1 (looked $n times)"
}

ntfs_umount() {
	umount "$1"
	wait "$_ntfs_pid"
}

_fill_ntfs() {
	local file=$1 state=$2 corpus=$3 dir=$WORK/mnt-fill
	[ "$state" != empty ] || return 0
	ntfs_mount "$file" "$dir" rw
	cp -r "$corpus"/. "$dir"
	case $state in
	full)
		head -c 1G /dev/urandom 2>/dev/null | cat >"$dir/filler.bin" 2>/dev/null || true
		;;
	fragmented)
		find "$dir" -type f -name '*[02468]-*' -delete
		cp "$corpus/large.bin" "$dir/pieces.bin"
		;;
	esac
	ntfs_umount "$dir"
}

# swap holds no files; what lies behind its first page is rubbish that must not be read
_fill_swap() {
	[ "$2" != full ] || head -c $((4 * MIB)) /dev/urandom |
		dd of="$1" bs=4096 seek=300 conv=notrunc status=none iflag=fullblock
}

# KIND FILE STATE CORPUS
fill_fs() {
	case $1 in
	ext?) _fill_ext "${@:2}" ;;
	fat*) _fill_fat "${@:2}" ;;
	ntfs) _fill_ntfs "${@:2}" ;;
	swap) _fill_swap "${@:2}" ;;
	esac
}

# KIND FILE: the filesystem's own checker must find nothing
check_fs() {
	local rc=0
	case $1 in
	ext?) e2fsck -fn "$2" ;;
	fat*) fsck.fat -n "$2" ;;
	ntfs) ntfsfix -n "$2" && ntfsinfo -m "$2" && ntfscluster -f -i "$2" ;;
	swap) swaplabel "$2" ;;
	esac >"$WORK/fsck.out" 2>&1 || rc=$?
	[ "$rc" -eq 0 ] || {
		cat "$WORK/fsck.out" >&2
		fail "the checker of $1 finds errors ($rc) in $2"
	}
}

# KIND FILE DIR: all files of the filesystem copied into the new DIR
dump_fs() {
	local kind=$1 file=$2 dir=$3 mnt=$WORK/mnt-dump
	mkdir -p "$dir"
	case $kind in
	ext?) debugfs -R "rdump / $dir" "$file" >/dev/null 2>&1 ;;
	fat*) [ -z "$(mdir -b -i "$file" ::)" ] || mcopy -s -Q -n -i "$file" '::*' "$dir" ;;
	ntfs)
		ntfs_mount "$file" "$mnt" ro
		cp -r "$mnt"/. "$dir"
		ntfs_umount "$mnt"
		;;
	swap) head -c 4096 "$file" >"$dir/first-page" ;;
	esac
}

# KIND FILE: tree_hash of its files
fs_hash() {
	local dir
	dir=$(mktemp -d "$WORK/dump.XXXXXX")
	dump_fs "$1" "$2" "$dir"
	tree_hash "$dir"
	rm -rf -- "${dir:?}"
}

# KIND FILE OUT: "START LENGTH" (bytes in the volume) of what the filesystem's own tools call free
free_extents() { "$ORACLE" free "$1" "$2" >"$3"; }

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
